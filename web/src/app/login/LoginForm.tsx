import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { useSession } from "@/api/session";
import { useProblemText } from "@/components/problemText";
import styles from "./LoginPage.module.css";

interface Fields {
  name: string;
  password: string;
  code?: string;
}

const SECOND_FACTOR = "second-factor";
const CODE_LIMIT = 40;

/** Name and password, and a code where the API asks for one. `name` is given where a session ended and the same person goes on. */
export function LoginForm({ name }: { name?: string }) {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const problemText = useProblemText();
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [wantsCode, setWantsCode] = useState(false);
  const submit = async (fields: Fields) => {
    setBusy(true);
    setFailure(null);
    try {
      await logIn(fields.name, fields.password, fields.code?.trim());
    } catch (error) {
      const isFirstAsked = Problem.ofUnknown(error).code === SECOND_FACTOR && !wantsCode;
      setWantsCode(wantsCode || isFirstAsked);
      setFailure(isFirstAsked ? null : problemText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Form<Fields> layout="vertical" requiredMark={false} onFinish={submit} initialValues={{ name }}>
      {failure !== null && <Alert className={styles.alert} type="error" title={failure} role="alert" />}
      <Form.Item name="name" label={t("login.name")} rules={[{ required: true, message: t("login.nameMissing") }]}>
        <Input size="large" autoComplete="username" autoFocus={name === undefined} maxLength={63} />
      </Form.Item>
      <Form.Item
        name="password"
        label={t("login.password")}
        rules={[{ required: true, message: t("login.passwordMissing") }]}
      >
        <Input.Password size="large" autoComplete="current-password" autoFocus={name !== undefined} maxLength={256} />
      </Form.Item>
      {wantsCode && (
        <Form.Item name="code" label={t("login.code")} extra={t("login.codeWhy")}>
          <Input size="large" className="code" autoComplete="one-time-code" autoFocus maxLength={CODE_LIMIT} />
        </Form.Item>
      )}
      <Button type="primary" size="large" block htmlType="submit" loading={isBusy}>
        {t("login.submit")}
      </Button>
    </Form>
  );
}
