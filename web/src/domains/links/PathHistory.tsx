import { useTranslation } from "react-i18next";
import type { PathChange } from "@/api/links";
import { PathTag } from "@/components/PathTag";
import { RelativeTime } from "@/components/RelativeTime";
import { useReason } from "./reason";
import { useVia } from "./via";
import styles from "./PathHistory.module.css";

/** Which paths a link took and why, newest first. */
export function PathHistory({ changes, nameOf }: { changes: readonly PathChange[]; nameOf: (node: string) => string }) {
  const { t } = useTranslation("links");
  const reason = useReason();
  const via = useVia(nameOf);
  if (changes.length === 0) return <p className={styles.none}>{t("historyEmpty")}</p>;
  return (
    <ol className={styles.list}>
      {changes.map((change, place) => (
        <li key={`${change.at} ${place}`} className={styles.change}>
          <span className={styles.head}>
            <PathTag path={change.path} />
            <span className={styles.time}>
              <RelativeTime time={change.at} />
            </span>
          </span>
          <span className={styles.detail}>
            {[via(change), reason({ reason: change.reason })].filter(Boolean).join(" · ")}
          </span>
        </li>
      ))}
    </ol>
  );
}
