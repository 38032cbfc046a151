import { PlusOutlined, UserOutlined } from "@ant-design/icons";
import { Button, Progress, Table, Tag, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { formatBytes } from "@/components/format";
import { Name } from "@/components/Name";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import { useExitUsers, type ExitUser } from "./exits";
import styles from "./ExitsPage.module.css";
import { ExitUserDrawer } from "./ExitUserDrawer";
import { ExitUserMenu } from "./ExitUserMenu";

const ROWS = 50;

/** The users of the exits: what each used, what is left, and what each has open. */
export function ExitUsers() {
  const { t } = useTranslation("exits");
  const mayChange = useMay("operator");
  const [edited, setEdited] = useState<ExitUser | "new" | null>(null);
  const create = mayChange && (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEdited("new")}>
      {t("users.create")}
    </Button>
  );
  return (
    <>
      <QueryState query={useExitUsers()}>
        {(users) =>
          users.length === 0 ? (
            <EmptyState icon={<UserOutlined />} title={t("users.empty")} text={t("users.emptyText")} action={create} />
          ) : (
            <>
              <div className={styles.head}>{create}</div>
              <UserTable users={users} onEdit={mayChange ? setEdited : undefined} />
            </>
          )
        }
      </QueryState>
      {edited !== null && (
        <ExitUserDrawer user={edited === "new" ? null : edited} onClose={() => setEdited(null)} />
      )}
    </>
  );
}

function UserTable({ users, onEdit }: { users: ExitUser[]; onEdit?: (user: ExitUser) => void }) {
  const { t } = useTranslation("exits");
  const columns: TableColumnsType<ExitUser> = [
    {
      title: t("users.name"),
      key: "name",
      render: (_, user) => (
        <span className={styles.user}>
          <Name>{user.name}</Name>
          {user.is_paused && <Tag variant="outlined">{t("users.paused")}</Tag>}
        </span>
      ),
    },
    { title: t("users.quota"), key: "quota", render: (_, user) => <Quota user={user} /> },
    {
      title: t("users.passed"),
      key: "passed",
      align: "end",
      className: "number",
      responsive: ["md"],
      render: (_, { total_up, total_down }) => formatBytes(total_up + total_down),
    },
    { title: t("users.live"), dataIndex: "live_streams", align: "end", className: "number", responsive: ["sm"] },
  ];
  if (onEdit) {
    columns.push({
      key: "menu",
      title: <span className="visually-hidden">{t("actions")}</span>,
      width: 48,
      align: "end",
      render: (_, user) => <ExitUserMenu user={user} onEdit={() => onEdit(user)} />,
    });
  }
  return (
    <Table
      size="small"
      rowKey="name"
      columns={columns}
      dataSource={users}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

/** What is used of a user's package, and when it begins anew. */
function Quota({ user }: { user: ExitUser }) {
  const { t } = useTranslation("exits");
  if (user.package_bytes === null || user.used_bytes === null) {
    return <span className={styles.quiet}>{t("users.unlimited")}</span>;
  }
  const share = user.package_bytes === 0 ? 1 : user.used_bytes / user.package_bytes;
  const words = { used: formatBytes(user.used_bytes), size: formatBytes(user.package_bytes) };
  return (
    <div className={styles.quota}>
      <Progress
        percent={Math.min(100, share * 100)}
        showInfo={false}
        size="small"
        status={share >= 1 ? "exception" : "normal"}
        aria-label={t("users.used", words)}
      />
      <span className={styles.facts}>
        <span className="number">{t("users.used", words)}</span>
        {user.window_ends_at !== null && (
          <span>
            {t("users.anew")} <RelativeTime time={user.window_ends_at} />
          </span>
        )}
      </span>
    </div>
  );
}
