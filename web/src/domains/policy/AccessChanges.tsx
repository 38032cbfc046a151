import { Alert, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { isolated } from "@/components/isolated";
import { ProblemNote } from "@/components/ProblemNote";
import { usePolicyPreview, type AccessChange } from "./policies";
import styles from "./PolicyPage.module.css";

const SHOWN = 200;
const NAMED = 6;

interface Props {
  network: string;
  text: string;
  /** Of the policy in force. */
  revision: number;
}

/** Who gains and who loses access, if a text were the policy. */
export function AccessChanges({ network, text, revision }: Props) {
  const { t } = useTranslation("policy");
  const query = usePolicyPreview(network, text, revision, true);
  if (query.data === undefined) {
    return query.error ? <ProblemNote error={query.error} /> : <Skeleton active title={false} paragraph={{ rows: 3 }} />;
  }
  const { changes } = query.data;
  if (changes.length === 0) return <Alert type="info" showIcon title={t("access.none")} />;
  return (
    <div className={styles.changes}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("access.from")}</th>
            <th scope="col">{t("access.to")}</th>
            <th scope="col">{t("access.what")}</th>
          </tr>
        </thead>
        <tbody>
          {changes.slice(0, SHOWN).map((change, place) => (
            <Change key={place} change={change} />
          ))}
        </tbody>
      </table>
      {changes.length > SHOWN && <p className={styles.why}>{t("access.more", { count: changes.length - SHOWN })}</p>}
    </div>
  );
}

function Change({ change }: { change: AccessChange }) {
  const { t } = useTranslation("policy");
  return (
    <tr>
      <td>
        <Names names={change.from} />
      </td>
      <td>
        <Names names={change.to} />
      </td>
      <td>
        {change.gained.length > 0 && (
          <div className={styles.gained}>{t("access.gained", { what: change.gained.join(", ") })}</div>
        )}
        {change.lost.length > 0 && (
          <div className={styles.lost}>{t("access.lost", { what: change.lost.join(", ") })}</div>
        )}
      </td>
    </tr>
  );
}

function Names({ names }: { names: string[] }) {
  const { t } = useTranslation("policy");
  const shown = names.slice(0, NAMED).map(isolated).join(", ");
  const rest = names.length - NAMED;
  return <span title={names.map(isolated).join(", ")}>{rest > 0 ? t("access.andMore", { names: shown, rest }) : shown}</span>;
}
