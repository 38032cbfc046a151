import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { isolated } from "@/components/isolated";
import styles from "./PolicyPage.module.css";

const NAMED = 6;

/** Members that are too old to hold a policy; nothing where there are none. */
export function UnenforcedNote({ members }: { members: string[] }) {
  const { t } = useTranslation("policy");
  if (members.length === 0) return null;
  const names = members.slice(0, NAMED).map(isolated).join(", ");
  const rest = members.length - NAMED;
  return (
    <Alert
      className={styles.note}
      type="warning"
      showIcon
      title={t("unenforced.title", { count: members.length })}
      description={t(rest > 0 ? "unenforced.many" : "unenforced.text", { names, rest })}
    />
  );
}
