import { Button, Drawer, Form, Input, Radio } from "antd";
import { useTranslation } from "react-i18next";
import type { Role } from "@/api/documents";
import { useSession } from "@/api/session";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import styles from "./UsersPage.module.css";
import { PASSWORD_LEAST, PASSWORD_MOST, rolesBelow, useUserActions } from "./users";

const NAME_LIMIT = 63;

interface Values {
  name: string;
  password: string;
  role: Role;
}

/** Makes a user. */
export function NewUserDrawer({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { t } = useTranslation("users");
  const [form] = Form.useForm<Values>();
  const roles = rolesBelow(useSession().user?.role).toReversed();
  const actions = useUserActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const request = useRequest(async (values: Values) => {
    const body = { ...values, name: values.name.trim() };
    const made = await repeat(body, actions.create);
    notices.done(t("done.made", { name: isolated(made.name) }));
    form.resetFields();
    onClose();
  });
  return (
    <Drawer open={isOpen} onClose={onClose} size={440} styles={{ wrapper: { maxWidth: "100vw" } }} title={t("create")}>
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ name: "", password: "", role: "user" satisfies Role }}
        onFinish={request.run}
      >
        <Form.Item
          name="name"
          label={t("column.name")}
          rules={[{ required: true, whitespace: true, message: t("field.nameMissing") }]}
        >
          <Input maxLength={NAME_LIMIT} dir="auto" autoComplete="off" />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("field.password")}
          extra={t("field.passwordWhy")}
          rules={[{ required: true, min: PASSWORD_LEAST, message: t("field.passwordShort", { least: PASSWORD_LEAST }) }]}
        >
          <Input.Password maxLength={PASSWORD_MOST} autoComplete="new-password" />
        </Form.Item>
        <Form.Item name="role" label={t("column.role")}>
          <Radio.Group vertical className={styles.choice}>
            {roles.map((role) => (
              <Radio key={role} value={role}>
                {t(`common:role.${role}`)}
                <span className={styles.may}>{t(`roles.${role}`)}</span>
              </Radio>
            ))}
          </Radio.Group>
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={request.isRunning}>
          {t("submit")}
        </Button>
        <ProblemNote error={request.error} />
      </Form>
    </Drawer>
  );
}
