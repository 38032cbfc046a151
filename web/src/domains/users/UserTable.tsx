import { EllipsisOutlined } from "@ant-design/icons";
import { Button, Dropdown, Select, Table, Tag, type MenuProps, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Role, User } from "@/api/documents";
import { useLoginMethods } from "@/api/queries";
import { useSession } from "@/api/session";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { useRequest } from "@/components/useRequest";
import { IdentityDialog } from "./IdentityDialog";
import { PasswordDialog } from "./PasswordDialog";
import { useUserQuestions } from "./userQuestions";
import styles from "./UsersPage.module.css";
import { rolesBelow, useUserActions } from "./users";

const ROWS = 50;

/** The users by name; who may, changes role and access here. */
export function UserTable({ users }: { users: User[] }) {
  const { t } = useTranslation("users");
  const me = useSession().user;
  const columns: TableColumnsType<User> = [
    { title: t("column.name"), key: "name", render: (_, user) => <NameCell user={user} isMe={user.id === me?.id} /> },
    {
      title: t("column.role"),
      key: "role",
      width: 150,
      render: (_, user) => <RoleCell user={user} grantable={user.id === me?.id ? [] : rolesBelow(me?.role)} />,
    },
    {
      title: t("column.made"),
      key: "made",
      responsive: ["md"],
      render: (_, { created_at }) => <RelativeTime time={created_at} />,
    },
    {
      key: "menu",
      title: <span className="visually-hidden">{t("column.actions")}</span>,
      width: 48,
      align: "end",
      render: (_, user) => user.id !== me?.id && rolesBelow(me?.role).includes(user.role) && <UserMenu user={user} />,
    },
  ];
  return (
    <Table
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={users}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function NameCell({ user, isMe }: { user: User; isMe: boolean }) {
  const { t } = useTranslation("users");
  return (
    <span className={styles.name}>
      <Name>{user.name}</Name>
      {isMe && <span className={styles.quiet}>{t("you")}</span>}
      {user.is_disabled && (
        <Tag variant="outlined" color="error">
          {t("disabled")}
        </Tag>
      )}
    </span>
  );
}

function RoleCell({ user, grantable }: { user: User; grantable: Role[] }) {
  const { t } = useTranslation("users");
  const actions = useUserActions();
  const notices = useNotices();
  const words = { name: isolated(user.name) };
  const save = useRequest((role: Role) =>
    actions
      .change(user, { role })
      .then(() => notices.done(t("done.role", words), () => actions.change(user, { role: user.role })))
      .catch(notices.failed),
  );
  if (!grantable.includes(user.role)) return t(`common:role.${user.role}`);
  return (
    <Select
      size="small"
      variant="filled"
      className={styles.role}
      value={user.role}
      loading={save.isRunning}
      disabled={save.isRunning}
      aria-label={t("roleOf", words)}
      onChange={save.run}
      options={grantable.map((role) => ({ value: role, label: t(`common:role.${role}`) }))}
    />
  );
}

function UserMenu({ user }: { user: User }) {
  const { t } = useTranslation("users");
  const actions = useUserActions();
  const notices = useNotices();
  const questions = useUserQuestions();
  const provider = useLoginMethods().data?.oidc;
  const [isSetting, setSetting] = useState(false);
  const [isLinking, setLinking] = useState(false);
  const words = { name: isolated(user.name) };
  const enable = () =>
    void actions
      .change(user, { is_disabled: false })
      .then(() => notices.done(t("done.enabled", words)))
      .catch(notices.failed);
  const items: MenuProps["items"] = [
    { key: "password", label: t("action.password"), onClick: () => setSetting(true) },
    { key: "factor", label: t("action.factor"), onClick: () => questions.removeSecondFactor(user) },
    ...(provider
      ? [
          {
            key: "identity",
            label: t("action.identity", { provider: isolated(provider.name) }),
            onClick: () => setLinking(true),
          },
        ]
      : []),
    user.is_disabled
      ? { key: "enable", label: t("action.enable"), onClick: enable }
      : { key: "disable", label: t("action.disable"), danger: true, onClick: () => questions.disable(user) },
    { key: "remove", label: t("action.remove"), danger: true, onClick: () => questions.remove(user) },
  ];
  return (
    <>
      <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
        <Button type="text" size="small" icon={<EllipsisOutlined aria-hidden />} aria-label={t("action.menu", words)} />
      </Dropdown>
      {isSetting && <PasswordDialog user={user} onClose={() => setSetting(false)} />}
      {isLinking && provider && (
        <IdentityDialog user={user} provider={provider.name} onClose={() => setLinking(false)} />
      )}
    </>
  );
}
