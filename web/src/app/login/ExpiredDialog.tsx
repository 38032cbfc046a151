import { Modal } from "antd";
import { useTranslation } from "react-i18next";
import { useSession } from "@/api/session";
import { LoginForm } from "./LoginForm";

/** The session ended while somebody works: the page stays as it is, with all that was typed. */
export function ExpiredDialog() {
  const { t } = useTranslation();
  const { user, isExpired } = useSession();
  return (
    <Modal open={isExpired} title={t("login.expired")} footer={null} closable={false} mask={{ closable: false }} width={400} destroyOnHidden>
      <p>{t("login.expiredText")}</p>
      <LoginForm name={user?.name ?? ""} />
    </Modal>
  );
}
