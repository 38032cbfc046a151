import { Table, type TableColumnsType } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Link as RouterLink } from "react-router";
import type { Member } from "@/api/documents";
import { linkKey, pathType, throughput, type Link } from "@/api/links";
import { linkPath } from "@/app/paths";
import { EmptyState } from "@/components/EmptyState";
import { formatMilliseconds, formatRate, formatShare } from "@/components/format";
import { Name } from "@/components/Name";
import { PathTag } from "@/components/PathTag";
import { useReason } from "../links/reason";
import type { Shown } from "./picture";

interface Props {
  network: string;
  members: readonly Member[];
  links: readonly Link[];
  hidden: ReadonlySet<Shown>;
  search: string;
}

interface Row extends Link {
  key: string;
  names: [string, string];
  rate: number;
}

const ROWS = 50;

/** The links as a table: for who cannot see the drawing, and for who looks for the slowest one. */
export function LinkTable({ network, members, links, hidden, search }: Props) {
  const { t } = useTranslation("topology");
  const reason = useReason();
  const rows = useMemo(() => rowsOf(members, links, hidden, search), [members, links, hidden, search]);
  const columns: TableColumnsType<Row> = [
    {
      title: t("column.link"),
      dataIndex: "key",
      sorter: (one, other) => one.names.join().localeCompare(other.names.join()),
      render: (_, row) => (
        <RouterLink to={linkPath(network, row.a, row.b)}>
          <Name>{row.names[0]}</Name> ↔ <Name>{row.names[1]}</Name>
        </RouterLink>
      ),
    },
    {
      title: t("column.path"),
      dataIndex: "path",
      sorter: (one, other) => one.path.localeCompare(other.path),
      render: (path: string) => <PathTag path={path} />,
    },
    {
      title: t("rtt"),
      dataIndex: "rtt_ms",
      align: "right",
      className: "number",
      sorter: (one, other) => (one.rtt_ms ?? -1) - (other.rtt_ms ?? -1),
      render: (value: number | null) => (value === null ? "" : formatMilliseconds(value)),
    },
    {
      title: t("loss"),
      dataIndex: "loss",
      align: "right",
      className: "number",
      sorter: (one, other) => (one.loss ?? -1) - (other.loss ?? -1),
      render: (value: number | null) => (value === null ? "" : formatShare(value)),
    },
    {
      title: t("column.rate"),
      dataIndex: "rate",
      align: "right",
      className: "number",
      sorter: (one, other) => one.rate - other.rate,
      render: (value: number) => formatRate(value),
    },
    { title: t("column.why"), key: "why", responsive: ["lg"], render: (_, row) => reason(row) },
  ];
  return (
    <Table<Row>
      size="middle"
      columns={columns}
      dataSource={rows}
      scroll={{ x: "max-content" }}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
      locale={{ emptyText: <EmptyState title={t("noLinks")} text={t("noLinksText")} /> }}
    />
  );
}

function rowsOf(
  members: readonly Member[],
  links: readonly Link[],
  hidden: ReadonlySet<Shown>,
  search: string,
): Row[] {
  const names = new Map(members.map((member) => [member.id, member.name]));
  const wanted = search.trim().toLowerCase();
  return links
    .filter((link) => !hidden.has(pathType(link.path)))
    .map((link) => ({
      ...link,
      key: linkKey(link.a, link.b),
      names: [names.get(link.a) ?? link.a, names.get(link.b) ?? link.b] satisfies [string, string],
      rate: throughput(link),
    }))
    .filter((row) => row.names.some((name) => name.toLowerCase().includes(wanted)));
}
