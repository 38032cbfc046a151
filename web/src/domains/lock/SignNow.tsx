import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import { Name } from "@/components/Name";
import { Section } from "@/components/Page";
import { loginCommand, signCommand, type LockedMember } from "./lock";
import styles from "./LockPage.module.css";

const SHOWN = 8;

/** Who is kept out until the owner signs, and the command for it. */
export function SignNow({ network, waiting }: { network: string; waiting: LockedMember[] }) {
  const { t } = useTranslation("lock");
  const shown = waiting.slice(0, SHOWN);
  return (
    <Section title={t("sign.title", { count: waiting.length })}>
      <Alert type="warning" showIcon title={t("sign.why")} style={{ marginBottom: 14 }} />
      <ul className={styles.waiting}>
        {shown.map((one) => (
          <li key={one.id}>
            <Name>{one.name}</Name>
            <span className={styles.fingerprint}>{one.fingerprint}</span>
          </li>
        ))}
      </ul>
      {waiting.length > SHOWN && <p className={styles.text}>{t("sign.more", { count: waiting.length - SHOWN })}</p>}
      <p className={styles.text}>{t("sign.how")}</p>
      <div className={styles.commands}>
        <CopyText text={signCommand(network, waiting)} isBlock />
      </div>
      <p className={styles.quiet}>
        {t("sign.login")} <span className="code">{loginCommand()}</span>
      </p>
    </Section>
  );
}
