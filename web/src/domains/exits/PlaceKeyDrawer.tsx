/** Makes the token with which a gateway or an edge joins, and shows it once. */
import { Alert, Button, Drawer } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { useExitActions } from "./exits";
import styles from "./ExitsPage.module.css";

export type PlaceKind = "gateway" | "edge";

const LIFETIME_SECONDS = 7 * 86_400;

export function PlaceKeyDrawer({ kind, onClose }: { kind: PlaceKind; onClose: () => void }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const repeat = useRepeatKey();
  const [url, setUrl] = useState<string | null>(null);
  const request = useRequest(async () => {
    const body = { kind, expires_seconds: LIFETIME_SECONDS, addresses: [] };
    const made = await repeat(body, actions.createKey);
    setUrl(made.join_url ?? "");
  });
  return (
    <Drawer
      open
      onClose={onClose}
      size={480}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      mask={{ closable: url === null }}
      title={t(`places.add.${kind}`)}
    >
      <div className={styles.key}>
        <p className={styles.why}>{t(`key.${kind}`)}</p>
        {url === null ? (
          <Button type="primary" loading={request.isRunning} onClick={() => request.run()}>
            {t("key.make")}
          </Button>
        ) : (
          <>
            <Alert type="warning" showIcon title={t("key.once")} />
            <CopyText text={kind === "edge" ? `zerogo edge join '${url}'` : url} isBlock />
            <Button type="primary" onClick={onClose}>
              {t("key.done")}
            </Button>
          </>
        )}
        <ProblemNote error={request.error} />
      </div>
    </Drawer>
  );
}
