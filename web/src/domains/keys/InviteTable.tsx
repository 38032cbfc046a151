import { Button, Table, Tag, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import type { Invite } from "@/api/documents";
import { useMay } from "@/api/session";
import { useConfirm } from "@/components/confirm";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { stateOf, useInviteActions } from "./invites";
import styles from "./InviteTable.module.css";

const ROWS = 50;

/** Invites, newest first; never what lets a machine join: that is shown once. `now` is in Unix milliseconds. */
export function InviteTable({ invites, now }: { invites: Invite[]; now: number }) {
  const { t } = useTranslation("keys");
  const mayRevoke = useMay("operator");
  const columns: TableColumnsType<Invite> = [
    { title: t("column.invite"), key: "invite", render: (_, invite) => <What invite={invite} /> },
    {
      title: t("column.uses"),
      key: "uses",
      className: "number",
      responsive: ["sm"],
      render: (_, { uses, uses_left }) => t("usesLeft", { left: uses_left, uses }),
    },
    { title: t("column.until"), key: "until", render: (_, invite) => <Until invite={invite} now={now} /> },
    {
      title: t("column.made"),
      key: "made",
      responsive: ["lg"],
      render: (_, invite) => (
        <span className={styles.made}>
          <Name>{invite.created_by}</Name>
          <RelativeTime time={invite.created_at} />
        </span>
      ),
    },
  ];
  if (mayRevoke) {
    columns.push({ key: "revoke", title: <span className="visually-hidden">{t("revoke.action")}</span>, align: "end", width: 96, render: (_, invite) => stateOf(invite, now) === "good" && <Revoke invite={invite} /> });
  }
  return (
    <Table
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={invites}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function What({ invite }: { invite: Invite }) {
  const { t } = useTranslation("keys");
  return (
    <div>
      <span className="code">{invite.id}</span>
      <div className={styles.facts}>
        <span>{t(`approval.${invite.approval}`)}</span>
        {invite.is_ephemeral && <span>{t("ephemeral")}</span>}
        {invite.tags.map((tag) => (
          <Tag key={tag} variant="outlined">{tag}</Tag>
        ))}
      </div>
    </div>
  );
}

function Until({ invite, now }: { invite: Invite; now: number }) {
  const { t } = useTranslation("keys");
  const state = stateOf(invite, now);
  if (state === "used" || state === "revoked") return t(`state.${state}`);
  return (
    <span>
      {state === "expired" && t("state.expired")} <RelativeTime time={invite.expires_at} />
    </span>
  );
}

function Revoke({ invite }: { invite: Invite }) {
  const { t } = useTranslation("keys");
  const confirm = useConfirm();
  const notices = useNotices();
  const actions = useInviteActions(invite.network);
  const ask = () =>
    confirm({
      title: t("revoke.title"),
      consequences: [t("revoke.noMore"), t("revoke.stay"), t("revoke.final")],
      action: t("revoke.action"),
      run: () => actions.revoke(invite).then(() => notices.done(t("revoke.done"))),
    });
  return (
    <Button size="small" type="text" danger aria-label={t("revoke.named", { id: invite.id })} onClick={ask}>
      {t("revoke.action")}
    </Button>
  );
}
