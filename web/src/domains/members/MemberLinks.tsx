import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { Link as RouterLink } from "react-router";
import { linkPath } from "@/app/paths";
import type { Member } from "@/api/documents";
import { useLinks } from "@/api/linkQueries";
import type { Link } from "@/api/links";
import { formatMilliseconds, formatShare } from "@/components/format";
import { Name } from "@/components/Name";
import { PathTag } from "@/components/PathTag";
import styles from "./MemberDrawer.module.css";
import { peerOf } from "./pathSummary";

const ROWS = 10;

/** A member's paths to the others, each of which leads to the pair's page. */
export function MemberLinks({ member, members }: { member: Member; members: Member[] }) {
  const { t } = useTranslation("members");
  const links = (useLinks(member.network).data ?? []).filter((link) => link.a === member.id || link.b === member.id);
  const names = new Map(members.map((one) => [one.id, one.name]));
  const columns: TableColumnsType<Link> = [
    {
      title: t("links.peer"),
      key: "peer",
      ellipsis: true,
      render: (_, link) => {
        const peer = peerOf(link, member.id);
        return (
          <RouterLink to={linkPath(member.network, member.id, peer)}>
            <Name>{names.get(peer) ?? peer}</Name>
          </RouterLink>
        );
      },
    },
    { title: t("links.path"), key: "path", width: 130, render: (_, { path }) => <PathTag path={path} /> },
    {
      title: t("links.rtt"),
      key: "rtt",
      width: 84,
      align: "end",
      className: "number",
      render: (_, { rtt_ms }) => (rtt_ms === null ? "–" : formatMilliseconds(rtt_ms)),
    },
    {
      title: t("links.loss"),
      key: "loss",
      width: 70,
      align: "end",
      className: "number",
      responsive: ["sm"],
      render: (_, { loss }) => (loss === null ? "–" : formatShare(loss)),
    },
  ];
  return (
    <section className={styles.part}>
      <h2 className={styles.heading}>{t("links.title")}</h2>
      {links.length === 0 ? (
        <p className={styles.note}>{t(member.is_online ? "links.none" : "links.offline")}</p>
      ) : (
        <Table
          size="small"
          rowKey={(link) => peerOf(link, member.id)}
          tableLayout="fixed"
          columns={columns}
          dataSource={links}
          pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false, size: "small" }}
        />
      )}
    </section>
  );
}
