import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { keys, useNetworks } from "@/api/queries";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { formatTime } from "@/components/format";
import { Name } from "@/components/Name";
import { RelativeTime } from "@/components/RelativeTime";
import type { AuditLine } from "./audit";
import styles from "./AuditPage.module.css";

/** Lines of the log, newest first; each opens to show all that it holds. */
export function AuditTable({ lines }: { lines: AuditLine[] }) {
  const { t } = useTranslation("audit");
  const names = new Map(useNetworks().data?.map((network) => [network.id, network.name]));
  const columns: TableColumnsType<AuditLine> = [
    {
      title: t("column.at"),
      key: "at",
      width: 130,
      responsive: ["md"],
      render: (_, { at }) => (
        <span className={styles.quiet}>
          <RelativeTime time={at} />
        </span>
      ),
    },
    {
      title: t("column.what"),
      key: "what",
      render: (_, line) => <What line={line} />,
    },
    {
      title: t("column.network"),
      key: "network",
      width: 150,
      responsive: ["lg"],
      render: (_, { network }) => network && <Name>{names.get(network) ?? network}</Name>,
    },
    { title: t("column.number"), dataIndex: "number", width: 80, align: "end", className: "number", responsive: ["lg"] },
  ];
  return (
    <Table
      className={styles.table}
      size="small"
      rowKey="number"
      tableLayout="fixed"
      columns={columns}
      dataSource={lines}
      pagination={false}
      expandable={{
        expandedRowRender: (line) => <Whole line={line} />,
        columnWidth: 40,
        columnTitle: <span className="visually-hidden">{t("column.whole")}</span>,
      }}
    />
  );
}

function What({ line }: { line: AuditLine }) {
  const { t, i18n } = useTranslation("audit");
  const cache = useQueryClient();
  const action = i18n.exists(`audit:action.${line.action}`) ? t(`action.${line.action}`) : line.action;
  return (
    <div>
      <div className={styles.action}>
        <span className={styles.verb}>{action}</span>
        <Name>{memberName(cache, line) ?? line.subject}</Name>
      </div>
      <div className={styles.actor}>
        <Name>{line.actor}</Name>
        {line.detail && <Name>{line.detail}</Name>}
      </div>
    </div>
  );
}

/** What a member is called that a line is about, where it is still there: the live connection tells all members. */
function memberName(cache: QueryClient, line: AuditLine): string | undefined {
  const members = cache.getQueryData<Member[]>(keys.members(line.network));
  return members?.find((one) => one.id === line.subject)?.name;
}

function Whole({ line }: { line: AuditLine }) {
  const { t } = useTranslation("audit");
  const text = (value: string) => <bdi className={styles.long}>{value || "–"}</bdi>;
  return (
    <FactList
      facts={[
        { label: t("column.at"), value: formatTime(line.at) },
        { label: t("fact.action"), value: <span className="code">{line.action}</span> },
        { label: t("fact.actor"), value: text(line.actor) },
        { label: t("fact.subject"), value: text(line.subject) },
        { label: t("fact.detail"), value: text(line.detail) },
        { label: t("column.network"), value: text(line.network) },
        { label: t("column.number"), value: <span className="number">{line.number}</span> },
        { label: t("fact.hash"), value: <CopyText text={line.hash} /> },
      ]}
    />
  );
}
