/** Traffic packages: so much in each window of time. */
import { Button, Form, Input, InputNumber, Select, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { useConfirm } from "@/components/confirm";
import { EmptyState } from "@/components/EmptyState";
import { formatBytes, formatDuration } from "@/components/format";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { QueryState } from "@/components/QueryState";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { useExitActions, usePackages, type ExitPackage } from "./exits";
import styles from "./ExitsPage.module.css";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const GIGABYTE = 1e9;
const DAY = 86_400;
const WINDOWS = { once: 0, day: DAY, week: 7 * DAY, month: 30 * DAY };

export function Packages() {
  const { t } = useTranslation("exits");
  const mayChange = useMay("admin");
  return (
    <QueryState query={usePackages()}>
      {(packages) => (
        <>
          {packages.length === 0 ? (
            <EmptyState title={t("packages.empty")} text={t("packages.emptyText")} />
          ) : (
            <PackageTable packages={packages} mayChange={mayChange} />
          )}
          {mayChange && <NewPackage />}
        </>
      )}
    </QueryState>
  );
}

function PackageTable({ packages, mayChange }: { packages: ExitPackage[]; mayChange: boolean }) {
  const { t } = useTranslation("exits");
  const columns: TableColumnsType<ExitPackage> = [
    { title: t("packages.name"), key: "name", render: (_, { name }) => <Name>{name}</Name> },
    { title: t("packages.size"), key: "size", className: "number", render: (_, { bytes }) => formatBytes(bytes) },
    {
      title: t("packages.window"),
      key: "window",
      render: (_, { seconds }) => (seconds === 0 ? t("window.once") : formatDuration(seconds)),
    },
  ];
  if (mayChange) columns.push({ key: "remove", title: <span className="visually-hidden">{t("action.remove")}</span>, align: "end", render: (_, one) => <RemovePackage name={one.name} /> });
  return <Table size="small" rowKey="name" columns={columns} dataSource={packages} pagination={false} />;
}

function RemovePackage({ name }: { name: string }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const words = { name: isolated(name) };
  const ask = () =>
    confirm({
      title: t("packages.removeTitle", words),
      consequences: [t("packages.removeUsed"), t("packages.removeFinal")],
      action: t("action.remove"),
      run: () => actions.removePackage(name).then(() => notices.done(t("done.removed", words))),
    });
  return (
    <Button size="small" type="text" danger aria-label={t("packages.removeNamed", words)} onClick={ask}>
      {t("action.remove")}
    </Button>
  );
}

interface Values {
  name: string;
  gigabytes: number;
  window: keyof typeof WINDOWS;
}

function NewPackage() {
  const { t } = useTranslation("exits");
  const [form] = Form.useForm<Values>();
  const actions = useExitActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const request = useRequest(async ({ name, gigabytes, window }: Values) => {
    const body = { name, bytes: Math.round(gigabytes * GIGABYTE), seconds: WINDOWS[window] };
    await repeat(body, actions.createPackage);
    notices.done(t("done.packageMade", { name: isolated(name) }));
    form.resetFields();
  });
  return (
    <Form
      form={form}
      className={styles.package}
      layout="vertical"
      requiredMark={false}
      initialValues={{ name: "", gigabytes: 10, window: "month" }}
      onFinish={request.run}
    >
      <Form.Item
        name="name"
        label={t("packages.new")}
        rules={[{ required: true, pattern: NAME, message: t("packages.nameForm") }]}
      >
        <Input autoComplete="off" spellCheck={false} placeholder="basic" />
      </Form.Item>
      <Form.Item name="gigabytes" label={t("packages.size")} rules={[{ required: true, message: t("packages.sizeMissing") }]}>
        <InputNumber min={0} suffix="GB" style={{ width: "100%" }} />
      </Form.Item>
      <Form.Item name="window" label={t("packages.window")}>
        <Select options={Object.keys(WINDOWS).map((one) => ({ value: one, label: t(`window.${one}`) }))} />
      </Form.Item>
      <Form.Item label=" ">
        <Button htmlType="submit" loading={request.isRunning}>
          {t("packages.make")}
        </Button>
      </Form.Item>
      <div className={styles.whole}>
        <ProblemNote error={request.error} />
      </div>
    </Form>
  );
}
