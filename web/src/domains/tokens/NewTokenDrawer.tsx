/** Makes an API token, and shows it once. */
import { Alert, Button, Drawer } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import { NewTokenForm } from "./NewTokenForm";
import styles from "./TokensPage.module.css";

export function NewTokenDrawer({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { t } = useTranslation("tokens");
  const [token, setToken] = useState<string | null>(null);
  const shut = () => {
    setToken(null);
    onClose();
  };
  return (
    <Drawer
      open={isOpen}
      onClose={shut}
      size={480}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      // A click beside it would lose the token, which nobody can show again.
      mask={{ closable: token === null }}
      title={token === null ? t("create") : t("made.title")}
    >
      {token === null ? (
        <NewTokenForm onMade={setToken} />
      ) : (
        <div className={styles.made}>
          <Alert type="warning" showIcon title={t("made.once")} />
          <CopyText text={token} isBlock />
          <div>
            <p className={styles.step}>{t("made.use")}</p>
            <CopyText text={`Authorization: Bearer ${token}`} isBlock />
          </div>
          <Button type="primary" onClick={shut}>
            {t("made.done")}
          </Button>
        </div>
      )}
    </Drawer>
  );
}
