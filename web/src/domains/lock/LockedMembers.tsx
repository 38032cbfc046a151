import { SearchOutlined } from "@ant-design/icons";
import { Input, Segmented, Table, Tag, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { memberPath } from "@/app/paths";
import { Name } from "@/components/Name";
import { unsigned, type LockedMember } from "./lock";
import styles from "./LockPage.module.css";

const ROWS = 50;
/** With fewer, there is nothing to search. */
const SEARCHED_FROM = 8;

/** Everybody in the network, and whether the lock has signed them. */
export function LockedMembers({ network, members }: { network: string; members: LockedMember[] }) {
  const { t } = useTranslation("lock");
  const [isUnsignedWanted, setUnsignedWanted] = useState(false);
  const [text, setText] = useState("");
  const waiting = unsigned(members);
  const wanted = text.trim().toLocaleLowerCase();
  const shown = (isUnsignedWanted ? waiting : members).filter((one) =>
    [one.name, one.id, one.fingerprint].some((part) => part.toLocaleLowerCase().includes(wanted)),
  );
  const columns: TableColumnsType<LockedMember> = [
    {
      title: t("column.member"),
      key: "member",
      render: (_, one) => (
        <Link className={styles.member} to={memberPath(network, one.id)}>
          <Name>{one.name}</Name>
        </Link>
      ),
    },
    { title: t("column.lock"), key: "lock", render: (_, one) => <Signed one={one} /> },
    {
      title: t("column.fingerprint"),
      key: "fingerprint",
      responsive: ["md"],
      render: (_, { fingerprint }) => <span className={styles.fingerprint}>{fingerprint}</span>,
    },
  ];
  return (
    <>
      <div style={{ display: "flex", flexWrap: "wrap", gap: 10, marginBottom: 12 }}>
        <Segmented
          value={isUnsignedWanted ? "unsigned" : "all"}
          onChange={(value) => setUnsignedWanted(value === "unsigned")}
          options={[
            { value: "all", label: t("members.all", { count: members.length }) },
            { value: "unsigned", label: t("members.unsigned", { count: waiting.length }) },
          ]}
        />
        {members.length >= SEARCHED_FROM && (
          <Input
            style={{ maxWidth: 280 }}
            allowClear
            prefix={<SearchOutlined aria-hidden />}
            placeholder={t("members.search")}
            aria-label={t("members.search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </div>
      <Table
        size="small"
        rowKey="id"
        columns={columns}
        dataSource={shown}
        locale={{ emptyText: t(isUnsignedWanted ? "members.noneUnsigned" : "members.none") }}
        pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
      />
    </>
  );
}

function Signed({ one }: { one: LockedMember }) {
  const { t } = useTranslation("lock");
  if (one.is_signed) {
    return (
      <Tag variant="outlined" color="success">
        {t("signed")}
      </Tag>
    );
  }
  const isIn = one.state === "approved";
  return (
    <Tag variant="outlined" color={isIn ? "warning" : undefined}>
      {t(isIn ? "unsigned" : "notIn")}
    </Tag>
  );
}
