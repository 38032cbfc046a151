/** Ranges of addresses from which neither users nor edges are taken. */
import { Button, Form, Input, Select, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { formatTime } from "@/components/format";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { again, useDenialActions, useDenials, type Denial } from "./denials";
import styles from "./ExitsPage.module.css";

const ROWS = 20;
const RANGE_MOST = 50;
const REASON_MOST = 200;
const LIFETIMES = { hour: 3600, day: 86_400, week: 604_800, always: null } as const;
type Lifetime = keyof typeof LIFETIMES;

interface Fields {
  range: string;
  reason: string;
  lifetime: Lifetime;
}

export function Denials() {
  const { t } = useTranslation("exits");
  const mayChange = useMay("operator");
  const denials = useDenials();
  return (
    <>
      <h2 className={styles.heading}>{t("denials.title")}</h2>
      <p className={styles.why}>{t("denials.why")}</p>
      {mayChange && <NewDenialForm />}
      <QueryState query={denials}>
        {(found) =>
          found.length === 0 ? (
            <p className={styles.quiet}>{t("denials.empty")}</p>
          ) : (
            <DenialTable denials={found} mayChange={mayChange} />
          )
        }
      </QueryState>
    </>
  );
}

function NewDenialForm() {
  const { t } = useTranslation("exits");
  const [form] = Form.useForm<Fields>();
  const actions = useDenialActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const request = useRequest(async ({ range, reason, lifetime }: Fields) => {
    const body = { range: range.trim(), reason: reason.trim(), expires_seconds: LIFETIMES[lifetime] };
    await repeat(body, actions.create);
    form.resetFields();
    notices.done(t("denials.done", { range: body.range }));
  });
  return (
    <>
      <Form<Fields>
        form={form}
        className={styles.line}
        layout="vertical"
        requiredMark={false}
        initialValues={{ range: "", reason: "", lifetime: "week" }}
        onFinish={request.run}
      >
        <Form.Item
          name="range"
          label={t("denials.range")}
          rules={[{ required: true, whitespace: true, message: t("denials.rangeMissing") }]}
        >
          <Input className="code" placeholder="192.0.2.0/24" maxLength={RANGE_MOST} spellCheck={false} />
        </Form.Item>
        <Form.Item name="reason" label={t("denials.reason")}>
          <Input maxLength={REASON_MOST} />
        </Form.Item>
        <Form.Item name="lifetime" label={t("denials.for")}>
          <Select
            options={(Object.keys(LIFETIMES) as Lifetime[]).map((one) => ({ value: one, label: t(`denials.${one}`) }))}
          />
        </Form.Item>
        <Button htmlType="submit" loading={request.isRunning}>
          {t("denials.add")}
        </Button>
      </Form>
      <ProblemNote error={request.error} />
    </>
  );
}

function DenialTable({ denials, mayChange }: { denials: Denial[]; mayChange: boolean }) {
  const { t } = useTranslation("exits");
  const columns: TableColumnsType<Denial> = [
    { title: t("denials.range"), key: "range", render: (_, { range }) => <span className="code">{range}</span> },
    { title: t("denials.reason"), key: "reason", ellipsis: true, render: (_, { reason }) => <Name>{reason}</Name> },
    {
      title: t("denials.by"),
      key: "by",
      responsive: ["md"],
      render: (_, { created_by, created_at }) => (
        <>
          <Name>{created_by}</Name> <RelativeTime time={created_at} />
        </>
      ),
    },
    {
      title: t("denials.until"),
      key: "until",
      responsive: ["sm"],
      render: (_, { expires_at }) => (expires_at === null ? t("denials.forever") : formatTime(expires_at)),
    },
  ];
  if (mayChange) {
    columns.push({
      key: "remove",
      title: <span className="visually-hidden">{t("actions")}</span>,
      align: "end",
      render: (_, denial) => <LetIn denial={denial} />,
    });
  }
  return (
    <Table
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={denials}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function LetIn({ denial }: { denial: Denial }) {
  const { t } = useTranslation("exits");
  const actions = useDenialActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const words = { range: denial.range };
  const request = useRequest(() =>
    actions
      .remove(denial)
      .then(() =>
        notices.done(t("denials.letIn", words), () => {
          const body = again(denial);
          return repeat(body, actions.create);
        }),
      )
      .catch(notices.failed),
  );
  return (
    <Button
      size="small"
      type="text"
      loading={request.isRunning}
      aria-label={t("denials.removeNamed", words)}
      onClick={request.run}
    >
      {t("denials.remove")}
    </Button>
  );
}
