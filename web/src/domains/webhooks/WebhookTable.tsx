import { LoadingOutlined } from "@ant-design/icons";
import { Table, Tag, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { WebhookMenu } from "./WebhookMenu";
import { stateOf, useWebhookActions, type Webhook, type WebhookState } from "./webhooks";
import styles from "./WebhooksPage.module.css";

const COLOURS: Record<WebhookState, string | undefined> = {
  untried: undefined,
  good: "success",
  failing: "error",
  paused: undefined,
  gone: "warning",
};

/** The webhooks, each with what it is told and what became of the last try. */
export function WebhookTable({ webhooks, onEdit }: { webhooks: Webhook[]; onEdit: (webhook: Webhook) => void }) {
  const { t } = useTranslation("webhooks");
  const actions = useWebhookActions();
  const notices = useNotices();
  /** Of those that are being tried: when the try before that was. */
  const [tested, setTested] = useState<Record<string, string | null>>({});
  const isTesting = (one: Webhook) => one.is_enabled && one.id in tested && tested[one.id] === one.last_at;
  const test = (one: Webhook) => {
    setTested((before) => ({ ...before, [one.id]: one.last_at }));
    actions.test(one).catch((error: unknown) => {
      setTested((before) => ({ ...before, [one.id]: "" }));
      notices.failed(error);
    });
  };
  const columns: TableColumnsType<Webhook> = [
    { title: t("column.receiver"), key: "receiver", render: (_, one) => <Receiver webhook={one} /> },
    {
      title: t("column.outcome"),
      key: "outcome",
      render: (_, one) => <Outcome webhook={one} isTesting={isTesting(one)} />,
    },
    {
      title: t("column.waiting"),
      key: "waiting",
      align: "end",
      className: "number",
      responsive: ["md"],
      render: (_, { waiting }) => waiting,
    },
    {
      key: "menu",
      title: <span className="visually-hidden">{t("column.menu")}</span>,
      width: 48,
      align: "end",
      render: (_, one) => <WebhookMenu webhook={one} onEdit={() => onEdit(one)} onTest={() => test(one)} />,
    },
  ];
  return <Table size="small" rowKey="id" columns={columns} dataSource={webhooks} pagination={false} />;
}

function Receiver({ webhook }: { webhook: Webhook }) {
  return (
    <div className={styles.receiver}>
      <bdi className="code">{webhook.url}</bdi>
      <span className={styles.kinds}>
        {webhook.kinds.map((kind) => (
          <Tag key={kind} variant="outlined" className="code">
            {kind}
          </Tag>
        ))}
      </span>
    </div>
  );
}

function Outcome({ webhook, isTesting }: { webhook: Webhook; isTesting: boolean }) {
  const { t } = useTranslation("webhooks");
  const state = stateOf(webhook);
  return (
    <div className={styles.outcome} role="status">
      <Tag variant="outlined" color={COLOURS[state]} icon={isTesting ? <LoadingOutlined /> : undefined}>
        {t(isTesting ? "testing" : `state.${state}`)}
      </Tag>
      {state === "failing" && <bdi className={styles.why}>{webhook.last_outcome}</bdi>}
      {webhook.last_at !== null && (
        <span className={styles.quiet}>
          {t("last")} <RelativeTime time={webhook.last_at} />
        </span>
      )}
      {webhook.dropped > 0 && <span className={styles.quiet}>{t("dropped", { count: webhook.dropped })}</span>}
    </div>
  );
}
