/** One's own second factor: an authenticator's codes, asked for after the password at each login. */
import { Alert, Button, Form, Input, QRCode } from "antd";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { CopyText } from "@/components/CopyText";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { QueryState } from "@/components/QueryState";
import { useRequest } from "@/components/useRequest";
import styles from "./AccountPage.module.css";

const QUERY = ["second-factor"];
const CODE_MOST = 40;
const PASSWORD_MOST = 256;
/** Recovery codes that are left when one should think of others. */
const FEW_CODES = 3;

export function SecondFactor() {
  const { t } = useTranslation("settings");
  const factor = useQuery({ queryKey: QUERY, queryFn: () => answer(api.GET("/me/second-factor")) });
  const [codes, setCodes] = useState<string[]>([]);
  return (
    <QueryState query={factor}>
      {({ is_on, recovery_codes_left }) => (
        <>
          {codes.length > 0 && <RecoveryCodes codes={codes} onDone={() => setCodes([])} />}
          <p className={styles.why}>
            {is_on ? t("factor.on", { count: recovery_codes_left }) : t("factor.off")}
          </p>
          {is_on && recovery_codes_left <= FEW_CODES && (
            <Alert className={styles.codes} type="warning" showIcon title={t("factor.few")} />
          )}
          {is_on ? <SwitchOff /> : <SwitchOn onCodes={setCodes} />}
        </>
      )}
    </QueryState>
  );
}

/** First the password, then a code of the authenticator that has read the secret. */
function SwitchOn({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const [secret, setSecret] = useState<{ secret: string; uri: string } | null>(null);
  const begin = useRequest(async ({ password }: { password: string }) => {
    setSecret(await answer(api.POST("/me/second-factor", { body: { password } })));
  });
  const confirm = useRequest(async ({ code }: { code: string }) => {
    const made = await answer(api.PUT("/me/second-factor", { body: { code } }));
    onCodes(made.recovery_codes);
    await client.invalidateQueries({ queryKey: QUERY });
  });
  if (secret === null) return <PasswordAsked action={t("factor.begin")} request={begin} />;
  return (
    <Form name="code" className={styles.form} layout="vertical" requiredMark={false} onFinish={confirm.run}>
      <p className={styles.why}>{t("factor.scan")}</p>
      <div className={styles.qr}>
        <QRCode value={secret.uri} type="svg" size={192} color="#000000" bgColor="#ffffff" aria-label={t("factor.qr")} />
      </div>
      <CopyText text={secret.secret} isBlock />
      <Form.Item name="code" label={t("factor.code")} rules={[{ required: true, message: t("factor.codeMissing") }]}>
        <Input maxLength={CODE_MOST} inputMode="numeric" autoComplete="one-time-code" />
      </Form.Item>
      <div className={styles.buttons}>
        <Button htmlType="submit" type="primary" loading={confirm.isRunning}>
          {t("factor.confirm")}
        </Button>
        <Button onClick={() => setSecret(null)}>{t("common:action.cancel")}</Button>
      </div>
      <ProblemNote error={confirm.error} />
    </Form>
  );
}

function SwitchOff() {
  const { t } = useTranslation("settings");
  const client = useQueryClient();
  const notices = useNotices();
  const request = useRequest(async ({ password }: { password: string }) => {
    await answer(api.POST("/me/second-factor/removal", { body: { password } }));
    await client.invalidateQueries({ queryKey: QUERY });
    notices.done(t("factor.removed"));
  });
  return <PasswordAsked action={t("factor.remove")} request={request} />;
}

interface PasswordAskedProps {
  action: string;
  request: { run: (values: { password: string }) => void; isRunning: boolean; error: unknown };
}

function PasswordAsked({ action, request }: PasswordAskedProps) {
  const { t } = useTranslation("settings");
  return (
    <Form name="factor" className={styles.form} layout="vertical" requiredMark={false} onFinish={request.run}>
      <Form.Item
        name="password"
        label={t("factor.password")}
        rules={[{ required: true, message: t("password.oldMissing") }]}
      >
        <Input.Password maxLength={PASSWORD_MOST} autoComplete="current-password" />
      </Form.Item>
      <Button htmlType="submit" loading={request.isRunning}>
        {action}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}

/** Shown once: they let in who has lost the authenticator. */
function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useTranslation("settings");
  return (
    <Alert
      className={styles.codes}
      type="warning"
      showIcon
      title={t("factor.codesTitle")}
      description={
        <>
          <p>{t("factor.codesWhy")}</p>
          <CopyText text={codes.join("\n")} isBlock />
          <Button className={styles.kept} onClick={onDone}>
            {t("factor.codesDone")}
          </Button>
        </>
      }
    />
  );
}
