import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { Section } from "@/components/Page";
import { keyText, loginCommand, type LockedMember } from "./lock";
import styles from "./LockPage.module.css";

/** A network without a lock: what one is good for, and how to get it. */
export function LockSteps({ network, hadLock }: { network: string; hadLock: boolean }) {
  const { t } = useTranslation("lock");
  return (
    <>
      <Section title={t(hadLock ? "open.ended" : "open.title")}>
        <p className={styles.text}>{t("open.why")}</p>
        <ul className={styles.points}>
          <li>{t("open.known")}</li>
          <li>{t("open.new")}</li>
          <li>{t("open.lost")}</li>
        </ul>
      </Section>
      <Section title={t("steps.title")}>
        <ol className={styles.steps}>
          <li>
            <p className={styles.text}>{t("steps.login")}</p>
            <CopyText text={loginCommand()} isBlock />
          </li>
          <li>
            <p className={styles.text}>{t("steps.init")}</p>
            <CopyText text={`zerogo lock init --network ${network}`} isBlock />
          </li>
          <li>
            <p className={styles.text}>{t("steps.keep")}</p>
          </li>
        </ol>
        <p className={styles.quiet}>{t("steps.never")}</p>
      </Section>
    </>
  );
}

/** What is known of a lock that is in force. */
export function LockFacts({ lockKey, members }: { lockKey: string; members: LockedMember[] }) {
  const { t } = useTranslation("lock");
  const approved = members.filter((one) => one.state === "approved");
  const signed = approved.filter((one) => one.is_signed).length;
  return (
    <>
      <FactList
        facts={[
          { label: t("state.is"), value: t("state.locked") },
          { label: t("state.signed"), value: t("state.signedOf", { signed, members: approved.length }) },
          { label: t("state.key"), value: <CopyText text={keyText(lockKey)} /> },
        ]}
      />
      <p className={styles.quiet}>{t("state.compare")}</p>
      <p className={styles.quiet}>
        {t("state.end")} <span className="code">zerogo lock end</span>
      </p>
    </>
  );
}
