import { Button, Table, Tag, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { useNow } from "@/components/useNow";
import { useTokenActions, type ApiToken } from "./tokens";
import styles from "./TokensPage.module.css";

const ROWS = 50;

/** The tokens, each with what it may and until when. */
export function TokenTable({ tokens }: { tokens: ApiToken[] }) {
  const { t } = useTranslation("tokens");
  const now = useNow();
  const columns: TableColumnsType<ApiToken> = [
    { title: t("column.name"), key: "name", render: (_, token) => <NameCell token={token} /> },
    {
      title: t("column.scopes"),
      key: "scopes",
      responsive: ["md"],
      render: (_, { scopes }) => <Scopes scopes={scopes} />,
    },
    {
      title: t("column.used"),
      key: "used",
      responsive: ["sm"],
      render: (_, { used_at }) => (used_at === null ? t("never") : <RelativeTime time={used_at} />),
    },
    {
      title: t("column.until"),
      key: "until",
      render: (_, { expires_at }) =>
        Date.parse(expires_at) <= now ? (
          <Tag variant="outlined" color="error">
            {t("expired")}
          </Tag>
        ) : (
          <RelativeTime time={expires_at} />
        ),
    },
    { key: "remove", title: <span className="visually-hidden">{t("remove.action")}</span>, align: "end", width: 96, render: (_, token) => <Remove token={token} /> },
  ];
  return (
    <Table
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={tokens}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function NameCell({ token }: { token: ApiToken }) {
  const { t } = useTranslation("tokens");
  return (
    <div className={styles.name}>
      <Name>{token.name}</Name>
      <span className={styles.by}>{t("by", { name: isolated(token.created_by) })}</span>
    </div>
  );
}

function Scopes({ scopes }: { scopes: string[] }) {
  return (
    <span className={styles.scopes}>
      {scopes.map((scope) => (
        <Tag key={scope} variant="outlined" className="code">
          {scope}
        </Tag>
      ))}
    </span>
  );
}

function Remove({ token }: { token: ApiToken }) {
  const { t } = useTranslation("tokens");
  const confirm = useConfirm();
  const notices = useNotices();
  const actions = useTokenActions();
  const words = { name: isolated(token.name) };
  const ask = () =>
    confirm({
      title: t("remove.title", words),
      consequences: [t("remove.fails"), t("remove.final")],
      action: t("remove.action"),
      run: () => actions.remove(token).then(() => notices.done(t("remove.done", words))),
    });
  return (
    <Button size="small" type="text" danger aria-label={t("remove.named", words)} onClick={ask}>
      {t("remove.action")}
    </Button>
  );
}
