import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useMembers } from "@/api/queries";
import { networkPath } from "@/app/paths";
import { useMedia } from "@/app/preferences";
import { formatDuration, formatNumber } from "@/components/format";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { RelativeTime } from "@/components/RelativeTime";
import { EXPLAINED, PORTED } from "./explained";
import { endsOf, type Flows } from "./flows";
import styles from "./FlowLog.module.css";

interface Row extends Flows {
  key: number;
  /** Names; null: several others. */
  from: string | null;
  to: string | null;
  teller: string;
}

interface Props {
  network: string;
  rows: Flows[];
}

/** Rows of the log, newest first. */
export function FlowTable({ network, rows }: Props) {
  const { t } = useTranslation("policy");
  const isNarrow = useMedia("(max-width: 720px)");
  const members = useMembers(network).data ?? [];
  const names = new Map(members.map(({ id, name }) => [id, name]));
  const nameOf = (node: string | null) => (node === null ? null : (names.get(node) ?? node));
  const shown = rows.map((flows, key): Row => {
    const { from, to } = endsOf(flows);
    return { ...flows, key, from: nameOf(from), to: nameOf(to), teller: nameOf(flows.reported_by) ?? "" };
  });
  const columns: TableColumnsType<Row> = [
    {
      title: t("flows.column.at"),
      key: "at",
      width: 150,
      responsive: ["md"],
      render: (_, row) => (
        <div className={styles.quiet}>
          <RelativeTime time={row.ended_at} />
          <div className={styles.small}>{t("flows.within", { time: formatDuration(row.seconds) })}</div>
        </div>
      ),
    },
    {
      title: t("flows.column.traffic"),
      key: "traffic",
      render: (_, row) => <Traffic network={network} row={row} isNarrow={isNarrow} />,
    },
    {
      title: t("flows.column.refused"),
      key: "refused",
      width: isNarrow ? 76 : 100,
      align: "end",
      className: "number",
      render: (_, { refused }) => refused > 0 && <span className={styles.refused}>{formatNumber(refused)}</span>,
    },
    {
      title: t("flows.column.opened"),
      key: "opened",
      width: isNarrow ? 76 : 100,
      align: "end",
      className: "number",
      render: (_, { opened }) => opened > 0 && formatNumber(opened),
    },
    {
      title: t("flows.column.teller"),
      key: "teller",
      width: 150,
      responsive: ["lg"],
      render: (_, { teller }) => <Name>{teller}</Name>,
    },
  ];
  return (
    <Table<Row> size="small" rowKey="key" tableLayout="fixed" columns={columns} dataSource={shown} pagination={false} />
  );
}

interface TrafficProps {
  network: string;
  row: Row;
  isNarrow: boolean;
}

function Traffic({ network, row, isNarrow }: TrafficProps) {
  const { t } = useTranslation("policy");
  const what = useWhat()(row);
  const others = t("flows.others");
  return (
    <div>
      <div className={styles.pair}>
        <Name>{row.from ?? others}</Name>
        <span aria-hidden>→</span>
        <span className="visually-hidden">{t("flows.to")}</span>
        <Name>{row.to ?? others}</Name>
      </div>
      <div className={styles.facts}>
        <span>{what}</span>
        {isNarrow && <RelativeTime time={row.ended_at} />}
        <Why network={network} row={row} />
      </div>
    </div>
  );
}

/** Such as "TCP 22". */
function useWhat(): (row: Flows) => string {
  const { t, i18n } = useTranslation("policy");
  return ({ protocol, port }) => {
    if (i18n.exists(`policy:flows.protocol.${protocol}`)) return t(`flows.protocol.${protocol}`);
    const name = /^\d+$/.test(protocol) ? t("flows.numbered", { protocol }) : protocol.toUpperCase();
    return port === null ? name : `${name} ${port}`;
  };
}

/** To the rule that decides on such a packet, where it can be asked for. */
function Why({ network, row }: { network: string; row: Row }) {
  const { t } = useTranslation("policy");
  const what = useWhat()(row);
  const { from, to, protocol, port } = row;
  if (from === null || to === null || !EXPLAINED.includes(protocol) || PORTED.includes(protocol) !== (port !== null)) {
    return null;
  }
  const packet = { src: from, dst: to, protocol, ...(port !== null && { port: String(port) }) };
  const address = `${networkPath(network, "policy")}?${new URLSearchParams({ show: "explain", ...packet }).toString()}`;
  return (
    <Link to={address} aria-label={t("flows.whyNamed", { what, from: isolated(from), to: isolated(to) })}>
      {t("flows.whyShort")}
    </Link>
  );
}
