import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import { Section } from "@/components/Page";
import { ProblemNote } from "@/components/ProblemNote";
import { useAuditCheck, type AuditVerdict } from "./audit";
import styles from "./AuditPage.module.css";

/** Whether the log is as it was written: each line has the hash of the one before it. */
export function ChainCheck() {
  const { t } = useTranslation("audit");
  const query = useAuditCheck();
  return (
    <Section
      title={t("chain.title")}
      extra={
        <Button size="small" loading={query.isFetching} onClick={() => void query.refetch()}>
          {t("chain.check")}
        </Button>
      }
    >
      <p className={styles.why}>{t("chain.why")}</p>
      <div role="status">{query.data && <Verdict verdict={query.data} />}</div>
      <ProblemNote error={query.error} />
    </Section>
  );
}

function Verdict({ verdict }: { verdict: AuditVerdict }) {
  const { t } = useTranslation("audit");
  if (!verdict.is_whole) {
    return <Alert type="error" showIcon title={t("chain.broken", { line: verdict.broken_at })} />;
  }
  return (
    <Alert
      type="success"
      showIcon
      title={t("chain.whole", { count: verdict.lines })}
      description={
        verdict.newest_hash && (
          <>
            <p className={styles.why}>{t("chain.keep")}</p>
            <CopyText text={verdict.newest_hash} />
          </>
        )
      }
    />
  );
}
