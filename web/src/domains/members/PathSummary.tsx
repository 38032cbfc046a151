import { Tooltip } from "antd";
import { useTranslation } from "react-i18next";
import type { Link } from "@/api/links";
import { formatMilliseconds } from "@/components/format";
import { summarisePaths } from "./pathSummary";
import styles from "./PathSummary.module.css";

/** A member's paths at a glance: a bar by kind, and the same in words. */
export function PathSummary({ links }: { links: Link[] }) {
  const { t } = useTranslation("members");
  const { counts, total, slowest } = summarisePaths(links);
  if (total === 0) return <span className={styles.none}>{t("paths.none")}</span>;
  const words = counts.map(({ type, count }) => `${count} ${t(`common:path.${type}`)}`).join(" · ");
  return (
    <Tooltip title={slowest === null ? undefined : t("paths.slowest", { rtt: formatMilliseconds(slowest) })}>
      <span className={styles.summary}>
        <span className={styles.bar} aria-hidden>
          {counts.map(({ type, count }) => (
            <span key={type} data-path={type} style={{ flexGrow: count }} />
          ))}
        </span>
        <span className={`${styles.words} number`}>{words}</span>
      </span>
    </Tooltip>
  );
}
