import { Progress, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { memberPath } from "@/app/paths";
import type { Member, Network } from "@/api/documents";
import { CopyText } from "@/components/CopyText";
import { EmptyState } from "@/components/EmptyState";
import { formatNumber } from "@/components/format";
import { Name } from "@/components/Name";
import { ipv4Room, isIpv4, takenAddresses, type TakenAddress } from "./ranges";
import styles from "./RoutesPage.module.css";

const ROWS = 50;

/** The network's ranges, and which address is whose. */
export function AddressTable({ network, members }: { network: Network; members: Member[] }) {
  const { t } = useTranslation("routes");
  const taken = takenAddresses(members);
  const columns: TableColumnsType<TakenAddress> = [
    { title: t("column.address"), key: "address", render: (_, { address }) => <CopyText text={address} /> },
    {
      title: t("column.member"),
      key: "member",
      render: (_, { member }) => (
        <Link className={styles.member} to={memberPath(member.network, member.id)}>
          <Name>{member.name}</Name>
        </Link>
      ),
    },
  ];
  return (
    <>
      <div className={styles.ranges}>
        {network.ipv4 !== null && <Ipv4Range range={network.ipv4} taken={taken} />}
        {network.ipv6 !== null && (
          <div className={styles.range}>
            <span className="code">{network.ipv6}</span>
            <span className={styles.why}>
              {t("range.taken6", { count: taken.filter(({ address }) => !isIpv4(address)).length })}
            </span>
          </div>
        )}
      </div>
      {taken.length === 0 ? (
        <EmptyState title={t("range.empty")} text={t("range.emptyText")} />
      ) : (
        <Table
          size="small"
          rowKey="address"
          columns={columns}
          dataSource={taken}
          pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
        />
      )}
    </>
  );
}

function Ipv4Range({ range, taken }: { range: string; taken: TakenAddress[] }) {
  const { t } = useTranslation("routes");
  const room = ipv4Room(range);
  const used = taken.filter(({ address }) => isIpv4(address)).length;
  return (
    <div className={styles.range}>
      <span className="code">{range}</span>
      <Progress
        percent={room === 0 ? 100 : (used / room) * 100}
        showInfo={false}
        size="small"
        status="normal"
        aria-label={t("range.use")}
      />
      <span className={styles.why}>{t("range.taken4", { used: formatNumber(used), room: formatNumber(room) })}</span>
    </div>
  );
}
