import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { pathType, type Link } from "@/api/links";
import { formatNumber } from "@/components/format";
import { PathTag } from "@/components/PathTag";
import type { Shown } from "./picture";
import styles from "./Legend.module.css";

const SHOWN: Shown[] = ["direct", "peer", "relay", "tcp", "none"];

interface Props {
  links: readonly Link[];
  hidden: ReadonlySet<Shown>;
  onChange: (hidden: Set<Shown>) => void;
}

/** What the colours and patterns mean, how many links are such, and whether they are shown. */
export function Legend({ links, hidden, onChange }: Props) {
  const { t } = useTranslation("topology");
  const counts = useMemo(() => {
    const found = new Map<Shown, number>();
    for (const link of links) found.set(pathType(link.path), (found.get(pathType(link.path)) ?? 0) + 1);
    return found;
  }, [links]);
  return (
    <div className={styles.legend} role="group" aria-label={t("legend")}>
      {SHOWN.map((path) => (
        <button
          key={path}
          type="button"
          className={styles.entry}
          aria-pressed={!hidden.has(path)}
          onClick={() => {
            const next = new Set(hidden);
            if (!next.delete(path)) next.add(path);
            onChange(next);
          }}
        >
          <PathTag path={path} />
          <span className={`number ${styles.count}`}>{formatNumber(counts.get(path) ?? 0)}</span>
        </button>
      ))}
    </div>
  );
}
