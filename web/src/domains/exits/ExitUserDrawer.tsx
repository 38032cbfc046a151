/** Makes a user of the exits, or changes one; a change acts on live streams within a second. */
import { Button, Drawer, Form, Input, InputNumber, Select } from "antd";
import { useTranslation } from "react-i18next";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { useExitActions, usePackages, type ExitUser, type NewExitUser } from "./exits";

const NAME = /^[A-Za-z0-9._@+]{1,64}$/;
const PASSWORD_LEAST = 8;
const PASSWORD_MOST = 256;
/** Rates are typed in Mbit/s and sent in bytes per second. */
const BYTES_PER_MEGABIT = 125_000;

interface Values {
  name: string;
  password: string;
  package: string | null;
  upload: number | null;
  download: number | null;
  streams: number;
}

/** What the form does not ask about a new user. */
const REST = {
  reply: "late",
  may_listen: false,
  may_datagrams: true,
  sources: [],
  zones: [],
  regions: [],
  countries: [],
  edges: [],
  mode: "auto",
  edge: "",
  minutes: 10,
  expires_at: 0,
  is_paused: false,
} satisfies Partial<NewExitUser>;

export function ExitUserDrawer({ user, onClose }: { user: ExitUser | null; onClose: () => void }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const packages = usePackages().data ?? [];
  const request = useRequest(async (values: Values) => {
    const limits = limitsOf(values);
    if (user === null) {
      const body = { ...REST, ...limits, name: values.name, password: values.password };
      await repeat(body, actions.createUser);
      notices.done(t("done.made", { name: isolated(values.name) }));
    } else {
      await actions.changeUser(user.name, values.password ? { ...limits, password: values.password } : limits);
      notices.done(t("done.changed", { name: isolated(user.name) }));
    }
    onClose();
  });
  return (
    <Drawer
      open
      onClose={onClose}
      size={440}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      title={user === null ? t("users.create") : t("users.edit", { name: isolated(user.name) })}
    >
      <Form layout="vertical" requiredMark={false} initialValues={valuesOf(user)} onFinish={request.run}>
        {user === null && (
          <Form.Item
            name="name"
            label={t("users.name")}
            extra={t("form.nameWhy")}
            rules={[{ required: true, pattern: NAME, message: t("form.nameForm") }]}
          >
            <Input autoComplete="off" spellCheck={false} />
          </Form.Item>
        )}
        <Form.Item
          name="password"
          label={t("form.password")}
          extra={user === null ? undefined : t("form.passwordKept")}
          rules={[{ required: user === null, min: PASSWORD_LEAST, message: t("form.passwordShort", { least: PASSWORD_LEAST }) }]}
        >
          <Input.Password maxLength={PASSWORD_MOST} autoComplete="new-password" />
        </Form.Item>
        <Form.Item name="package" label={t("form.package")}>
          <Select
            allowClear
            placeholder={t("users.unlimited")}
            options={packages.map(({ name }) => ({ value: name, label: name }))}
          />
        </Form.Item>
        <Form.Item name="download" label={t("form.download")}>
          <InputNumber min={0} placeholder={t("users.unlimited")} suffix="Mbit/s" style={{ width: 180 }} />
        </Form.Item>
        <Form.Item name="upload" label={t("form.upload")}>
          <InputNumber min={0} placeholder={t("users.unlimited")} suffix="Mbit/s" style={{ width: 180 }} />
        </Form.Item>
        <Form.Item
          name="streams"
          label={t("form.streams")}
          rules={[{ required: true, message: t("form.streamsMissing") }]}
        >
          <InputNumber min={0} max={1_000_000} precision={0} style={{ width: 180 }} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={request.isRunning}>
          {t(user === null ? "form.make" : "form.save")}
        </Button>
        <ProblemNote error={request.error} />
      </Form>
    </Drawer>
  );
}

function valuesOf(user: ExitUser | null): Values {
  const megabits = (rate: number) => (rate === 0 ? null : rate / BYTES_PER_MEGABIT);
  return {
    name: "",
    password: "",
    package: user?.package ?? null,
    upload: megabits(user?.upload ?? 0),
    download: megabits(user?.download ?? 0),
    streams: user?.streams ?? 1024,
  };
}

function limitsOf(values: Values) {
  const rate = (megabits: number | null) => Math.round((megabits ?? 0) * BYTES_PER_MEGABIT);
  return {
    package: values.package ?? null,
    upload: rate(values.upload),
    download: rate(values.download),
    streams: values.streams,
  };
}
