/** Tokens with which gateways and edges still can join; nothing where there are none. */
import { Button, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { useConfirm } from "@/components/confirm";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { useExitActions, useExitKeys, type ExitKey } from "./exits";
import styles from "./ExitsPage.module.css";

export function PlaceKeys() {
  const { t } = useTranslation("exits");
  const mayRevoke = useMay("admin");
  const keys = useExitKeys().data ?? [];
  if (keys.length === 0) return null;
  const columns: TableColumnsType<ExitKey> = [
    {
      title: t("keys.token"),
      key: "token",
      render: (_, { id, kind }) => (
        <>
          <span className="code">{id}</span> <span className={styles.quiet}>{t(`keys.${kind}`)}</span>
        </>
      ),
    },
    {
      title: t("denials.by"),
      key: "by",
      responsive: ["md"],
      render: (_, { created_by }) => <Name>{created_by}</Name>,
    },
    { title: t("keys.until"), key: "until", render: (_, { expires_at }) => <RelativeTime time={expires_at} /> },
  ];
  if (mayRevoke) {
    columns.push({
      key: "revoke",
      title: <span className="visually-hidden">{t("actions")}</span>,
      align: "end",
      render: (_, key) => <Revoke exitKey={key} />,
    });
  }
  return (
    <>
      <h2 className={styles.heading}>{t("keys.title")}</h2>
      <Table size="small" rowKey="id" columns={columns} dataSource={keys} pagination={{ hideOnSinglePage: true }} />
    </>
  );
}

function Revoke({ exitKey }: { exitKey: ExitKey }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const ask = () =>
    confirm({
      title: t("keys.question", { id: exitKey.id }),
      consequences: [t("keys.noMore"), t(`keys.then.${exitKey.kind}`)],
      action: t("keys.revoke"),
      run: () => actions.removeKey(exitKey).then(() => notices.done(t("keys.done"))),
    });
  return (
    <Button size="small" type="text" danger aria-label={t("keys.revokeNamed", { id: exitKey.id })} onClick={ask}>
      {t("keys.revoke")}
    </Button>
  );
}
