import { useTranslation } from "react-i18next";
import { pathType, type Link } from "@/api/links";
import { PathTag } from "@/components/PathTag";
import { RelativeTime } from "@/components/RelativeTime";
import { useReason } from "./reason";
import { useVia } from "./via";
import styles from "./LinkWhy.module.css";

/** How the two are connected, over a drawing of the way between them, and why so. */
export function LinkWhy({ link, nameOf }: { link: Link; nameOf: (node: string) => string }) {
  const { t } = useTranslation("links");
  const reason = useReason();
  const via = useVia(nameOf)(link);
  const last = reason({ reason: link.reason });
  const why = reason(link);
  return (
    <section className={styles.why} data-path={pathType(link.path)} aria-label={t("whyTitle")}>
      <div className={styles.way}>
        <span className={styles.end} />
        <span className={styles.line} />
        <span className={styles.kind}>
          <PathTag path={link.path} />
          {via && <span className={styles.via}>{via}</span>}
        </span>
        <span className={styles.line} />
        <span className={styles.end} />
      </div>
      <p className={styles.sentence}>{why}</p>
      <p className={styles.since}>
        {link.since !== null && (
          <>
            {t("age")} <RelativeTime time={link.since} />
          </>
        )}
        {last !== "" && last !== why && ` · ${last}`}
      </p>
    </section>
  );
}
