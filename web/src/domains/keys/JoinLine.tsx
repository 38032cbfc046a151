/** The line that machines join with, as text and as a QR code, and who has come since it was made. */
import { Alert, Button, QRCode } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { networkPath } from "@/app/paths";
import type { Member } from "@/api/documents";
import { useMembers } from "@/api/queries";
import { CopyText } from "@/components/CopyText";
import { isolated } from "@/components/isolated";
import { useLock } from "../lock/lock";
import styles from "./JoinLine.module.css";
import { joinCommand } from "./joinLine";

interface Props {
  network: string;
  url: string;
  madeAt: string;
  onDone: () => void;
  onAnother: () => void;
}

export function JoinLine({ network, url, madeAt, onDone, onAnother }: Props) {
  const { t } = useTranslation("keys");
  const lock = useLock(network).data;
  const joined = (useMembers(network).data ?? []).filter((member) => member.created_at >= madeAt);
  return (
    <div className={styles.parts}>
      <Alert type="warning" showIcon title={t("joinLine.once")} />
      <div>
        <p className={styles.step}>{t("joinLine.run")}</p>
        <CopyText text={joinCommand(url)} isBlock />
      </div>
      <div className={styles.code}>
        <QRCode
          value={url}
          type="svg"
          errorLevel="L"
          size={208}
          color="#000000"
          bgColor="#ffffff"
          aria-label={t("joinLine.qr")}
        />
        <p className={styles.note}>{t("joinLine.scan")}</p>
      </div>
      {lock?.is_locked === true && (
        <Alert
          type="info"
          showIcon
          title={t("joinLine.locked")}
          action={<Link to={networkPath(network, "lock")}>{t("joinLine.toLock")}</Link>}
        />
      )}
      <div role="status">
        {joined.length === 0 ? <p className={styles.note}>{t("joinLine.waiting")}</p> : <Joined members={joined} />}
      </div>
      <div className={styles.buttons}>
        <Button onClick={onAnother}>{t("joinLine.another")}</Button>
        <Button type="primary" onClick={onDone}>
          {t("joinLine.done")}
        </Button>
      </div>
    </div>
  );
}

function Joined({ members }: { members: Member[] }) {
  const { t } = useTranslation("keys");
  return (
    <ul className={styles.joined}>
      {members.map((member) => (
        <li key={member.id}>
          {t(member.state === "pending" ? "joinLine.waits" : "joinLine.joined", { name: isolated(member.name) })}
        </li>
      ))}
    </ul>
  );
}
