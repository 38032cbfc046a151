import { Table, Tag, type TableColumnsType } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { memberPath, useNetworkId } from "@/app/paths";
import { useMedia } from "@/app/preferences";
import type { Member } from "@/api/documents";
import { useLinks } from "@/api/linkQueries";
import { Name } from "@/components/Name";
import { RelativeTime } from "@/components/RelativeTime";
import { MemberMenu } from "./MemberMenu";
import { standingOf, STANDINGS } from "./memberFilter";
import styles from "./MemberTable.module.css";
import { PathSummary } from "./PathSummary";
import { linksByMember } from "./pathSummary";
import { Standing } from "./Standing";

const ROWS = 50;

/** The members, one a row; on a narrow screen what does not fit stands below the name. */
export function MemberTable({ members, search }: { members: Member[]; search: string }) {
  const { t } = useTranslation("members");
  const isNarrow = useMedia("(max-width: 720px)");
  const links = useLinks(useNetworkId()).data;
  const linksOf = useMemo(() => linksByMember(links ?? []), [links]);
  const columns: TableColumnsType<Member> = [
    {
      title: t("column.name"),
      key: "name",
      sorter: (a, b) => a.name.localeCompare(b.name),
      render: (_, member) => <NameCell member={member} search={search} isNarrow={isNarrow} />,
    },
    {
      title: t("column.addresses"),
      key: "addresses",
      responsive: ["md"],
      render: (_, { addresses }) => <Addresses addresses={addresses} />,
    },
    {
      title: t("column.paths"),
      key: "paths",
      responsive: ["lg"],
      render: (_, member) => (member.is_online ? <PathSummary links={linksOf.get(member.id) ?? []} /> : null),
    },
    {
      title: t("column.tags"),
      key: "tags",
      responsive: ["lg"],
      render: (_, { tags }) => <Tags tags={tags} />,
    },
    { title: t("column.version"), dataIndex: "version", responsive: ["xl"], className: styles.quiet },
    {
      title: t("column.seen"),
      key: "seen",
      responsive: ["md"],
      sorter: (a, b) => STANDINGS.indexOf(standingOf(a)) - STANDINGS.indexOf(standingOf(b)) || seenOrder(a, b),
      render: (_, member) => <Seen member={member} />,
    },
    {
      key: "menu",
      title: <span className="visually-hidden">{t("column.actions")}</span>,
      width: 48,
      align: "end",
      render: (_, member) => <MemberMenu member={member} />,
    },
  ];
  return (
    <Table
      className={styles.table}
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={members}
      tableLayout={isNarrow ? "fixed" : undefined}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function NameCell({ member, search, isNarrow }: { member: Member; search: string; isNarrow: boolean }) {
  return (
    <div className={styles.name}>
      <div className={styles.first}>
        <Standing standing={standingOf(member)} isMarkOnly />
        <Link to={memberPath(member.network, member.id) + search}>
          <Name>{member.name}</Name>
        </Link>
      </div>
      {isNarrow && (
        <div className={styles.second}>
          <span className="code">{member.addresses[0]}</span>
          <Seen member={member} />
        </div>
      )}
    </div>
  );
}

function Addresses({ addresses }: { addresses: string[] }) {
  return (
    <span className={styles.addresses}>
      {addresses.map((address) => (
        <span key={address} className="code">
          {address}
        </span>
      ))}
    </span>
  );
}

function Tags({ tags }: { tags: string[] }) {
  return (
    <span className={styles.tags}>
      {tags.map((tag) => (
        <Tag key={tag} variant="outlined">{tag}</Tag>
      ))}
    </span>
  );
}

/** When it was last there; where it is kept out, that. */
function Seen({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const standing = standingOf(member);
  if (standing === "online") return <span>{t("seen.now")}</span>;
  if (standing !== "offline") return <Standing standing={standing} />;
  return (
    <span className={styles.quiet}>
      <RelativeTime time={member.last_seen_at} />
    </span>
  );
}

function seenOrder(one: Member, other: Member): number {
  return other.last_seen_at.localeCompare(one.last_seen_at);
}
