import { Form, Input, Modal } from "antd";
import { useTranslation } from "react-i18next";
import type { User } from "@/api/documents";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { PASSWORD_LEAST, PASSWORD_MOST, useUserActions } from "./users";

/** Gives a user another password. */
export function PasswordDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation("users");
  const [form] = Form.useForm<{ password: string }>();
  const actions = useUserActions();
  const notices = useNotices();
  const words = { name: isolated(user.name) };
  const request = useRequest(async ({ password }: { password: string }) => {
    await actions.change(user, { password });
    notices.done(t("done.password", words));
    onClose();
  });
  return (
    <Modal
      open
      title={t("password.title", words)}
      okText={t("password.submit")}
      cancelText={t("common:action.cancel")}
      okButtonProps={{ loading: request.isRunning }}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <p>{t("password.why")}</p>
      <Form form={form} layout="vertical" requiredMark={false} onFinish={request.run}>
        <Form.Item
          name="password"
          label={t("field.password")}
          rules={[{ required: true, min: PASSWORD_LEAST, message: t("field.passwordShort", { least: PASSWORD_LEAST }) }]}
        >
          <Input.Password maxLength={PASSWORD_MOST} autoComplete="new-password" />
        </Form.Item>
      </Form>
      <ProblemNote error={request.error} />
    </Modal>
  );
}
