import { SearchOutlined } from "@ant-design/icons";
import { Input, Table, type TableColumnsType } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { memberPath } from "@/app/paths";
import { useMembers } from "@/api/queries";
import { Name } from "@/components/Name";
import { useNameColumns } from "./nameColumns";
import type { MemberName } from "./names";
import styles from "./NamesPage.module.css";

const ROWS = 20;
/** With fewer, there is nothing to search. */
const SEARCHED_FROM = 8;

/** The names that members have by their own. */
export function MemberNames({ network, names }: { network: string; names: MemberName[] }) {
  const { t } = useTranslation("names");
  const members = useMembers(network).data;
  const called = useMemo(() => new Map(members?.map((one) => [one.id, one.name])), [members]);
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const shown = names
    .filter((one) => [one.full_name, ...one.addresses].some((part) => part.includes(wanted)))
    .sort((one, other) => (one.full_name < other.full_name ? -1 : 1));
  const columns: TableColumnsType<MemberName> = [
    ...useNameColumns<MemberName>(),
    {
      title: t("column.member"),
      key: "member",
      responsive: ["md"],
      render: (_, { member }) => (
        <Link to={memberPath(network, member)}>
          <Name>{called.get(member) ?? member}</Name>
        </Link>
      ),
    },
  ];
  if (names.length === 0) return <p className={styles.quiet}>{t("members.none")}</p>;
  return (
    <>
      {names.length >= SEARCHED_FROM && (
        <Input
          className={styles.search}
          allowClear
          prefix={<SearchOutlined aria-hidden />}
          placeholder={t("members.search")}
          aria-label={t("members.search")}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <Table
        size="small"
        rowKey="member"
        columns={columns}
        dataSource={shown}
        pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
      />
    </>
  );
}
