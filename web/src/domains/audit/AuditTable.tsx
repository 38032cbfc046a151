import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useNetworks } from "@/api/queries";
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
  const action = i18n.exists(`audit:action.${line.action}`) ? t(`action.${line.action}`) : line.action;
  return (
    <div>
      <div className={styles.action}>
        <span className={styles.verb}>{action}</span>
        <Name>{line.subject}</Name>
      </div>
      <div className={styles.actor}>
        <Name>{line.actor}</Name>
        {line.detail && <Name>{line.detail}</Name>}
      </div>
    </div>
  );
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
