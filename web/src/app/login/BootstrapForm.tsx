import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { keys } from "@/api/queries";
import { useSession } from "@/api/session";
import { CopyText } from "@/components/CopyText";
import { useProblemText } from "@/components/problemText";
import styles from "./LoginPage.module.css";

interface Fields {
  secret: string;
  name: string;
  password: string;
}

const PASSWORD_LEAST = 10;
const SECRET_COMMAND = "cat /var/lib/zerogo/controller/bootstrap-secret";

/** Makes the first user, with the secret that the controller wrote at its first start, and logs them in. */
export function BootstrapForm() {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const cache = useQueryClient();
  const problemText = useProblemText();
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (fields: Fields) => {
    setBusy(true);
    setFailure(null);
    try {
      await answer(api.POST("/bootstrap", { body: fields }));
      cache.removeQueries({ queryKey: keys.health });
      await logIn(fields.name, fields.password);
    } catch (error) {
      setFailure(problemText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Form<Fields> layout="vertical" requiredMark={false} onFinish={submit}>
      {failure !== null && <Alert className={styles.alert} type="error" title={failure} role="alert" />}
      <Form.Item
        name="secret"
        label={t("bootstrap.secret")}
        extra={
          <div className={styles.command}>
            <CopyText text={SECRET_COMMAND} isBlock />
          </div>
        }
        rules={[{ required: true, whitespace: true, message: t("bootstrap.secretMissing") }]}
      >
        <Input size="large" autoComplete="off" autoFocus spellCheck={false} className="code" maxLength={100} />
      </Form.Item>
      <Form.Item name="name" label={t("login.name")} rules={[{ required: true, message: t("login.nameMissing") }]}>
        <Input size="large" autoComplete="username" maxLength={63} />
      </Form.Item>
      <Form.Item
        name="password"
        label={t("login.password")}
        rules={[{ required: true, min: PASSWORD_LEAST, message: t("bootstrap.passwordShort", { least: PASSWORD_LEAST }) }]}
      >
        <Input.Password size="large" autoComplete="new-password" maxLength={256} />
      </Form.Item>
      <Button type="primary" size="large" block htmlType="submit" loading={isBusy}>
        {t("bootstrap.submit")}
      </Button>
    </Form>
  );
}
