import { Button, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { useSession } from "@/api/session";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import styles from "./AccountPage.module.css";

const LEAST = 10;
const MOST = 256;

interface Values {
  password: string;
  new_password: string;
  again: string;
}

/** One's own new password. It ends all sessions; this one is opened anew at once. */
export function PasswordForm() {
  const { t } = useTranslation("settings");
  const [form] = Form.useForm<Values>();
  const { user, logIn } = useSession();
  const notices = useNotices();
  const request = useRequest(async ({ password, new_password }: Values) => {
    await answer(api.PUT("/me/password", { body: { password, new_password } }));
    form.resetFields();
    notices.done(t("password.done"));
    // With a second factor this is not enough; then the login opens above the page.
    if (user) await logIn(user.name, new_password).catch(() => undefined);
  });
  return (
    <Form form={form} className={styles.form} layout="vertical" requiredMark={false} onFinish={request.run}>
      <p className={styles.why}>{t("password.why")}</p>
      <input type="text" autoComplete="username" value={user?.name ?? ""} readOnly hidden />
      <Form.Item name="password" label={t("password.old")} rules={[{ required: true, message: t("password.oldMissing") }]}>
        <Input.Password maxLength={MOST} autoComplete="current-password" />
      </Form.Item>
      <Form.Item
        name="new_password"
        label={t("password.new")}
        rules={[{ required: true, min: LEAST, message: t("password.short", { least: LEAST }) }]}
      >
        <Input.Password maxLength={MOST} autoComplete="new-password" />
      </Form.Item>
      <Form.Item
        name="again"
        label={t("password.again")}
        dependencies={["new_password"]}
        rules={[
          ({ getFieldValue }) => ({
            validator: async (_, again: string | undefined) => {
              if ((again ?? "") !== (getFieldValue("new_password") ?? "")) throw new Error(t("password.differs"));
            },
          }),
        ]}
      >
        <Input.Password maxLength={MOST} autoComplete="new-password" />
      </Form.Item>
      <Button htmlType="submit" type="primary" loading={request.isRunning}>
        {t("password.submit")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}
