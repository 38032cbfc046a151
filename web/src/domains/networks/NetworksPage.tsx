/** All networks of the controller. */
import { ApartmentOutlined, PlusOutlined } from "@ant-design/icons";
import { Badge, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { networkPath, newNetworkPath } from "@/app/paths";
import { useMedia } from "@/app/preferences";
import type { Network } from "@/api/documents";
import { useNetworks } from "@/api/queries";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { LinkButton } from "@/components/LinkButton";
import { Name } from "@/components/Name";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import styles from "./NetworksPage.module.css";

const ROWS = 50;

export default function NetworksPage() {
  const { t } = useTranslation("networks");
  const mayCreate = useMay("admin");
  const query = useNetworks();
  const create = mayCreate && (
    <LinkButton to={newNetworkPath} type="primary" icon={<PlusOutlined aria-hidden />}>
      {t("create")}
    </LinkButton>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={query.data?.length ? create : null}>
      <Section>
        <QueryState query={query}>
          {(networks) =>
            networks.length === 0 ? (
              <EmptyState
                icon={<ApartmentOutlined />}
                title={t("empty.title")}
                text={t(mayCreate ? "empty.text" : "empty.ask")}
                action={create}
              />
            ) : (
              <NetworkTable networks={networks} />
            )
          }
        </QueryState>
      </Section>
    </Page>
  );
}

function NetworkTable({ networks }: { networks: Network[] }) {
  const { t } = useTranslation("networks");
  const isNarrow = useMedia("(max-width: 720px)");
  const columns: TableColumnsType<Network> = [
    { title: t("column.name"), key: "name", render: (_, network) => <NameCell network={network} isNarrow={isNarrow} /> },
    {
      title: t("column.members"),
      key: "members",
      width: isNarrow ? 96 : undefined,
      className: "number",
      render: (_, network) => <Members network={network} />,
    },
    {
      title: t("column.ranges"),
      key: "ranges",
      responsive: ["md"],
      render: (_, network) => <Ranges network={network} />,
    },
    {
      title: t("column.approval"),
      key: "approval",
      responsive: ["lg"],
      render: (_, { approval }) => t(`approvalShort.${approval}`),
    },
    {
      title: t("column.secret"),
      key: "secret",
      responsive: ["xl"],
      render: (_, { psk_mode }) => t(`secretShort.${psk_mode}`),
    },
    {
      title: t("column.made"),
      key: "made",
      responsive: ["lg"],
      render: (_, { created_at }) => <RelativeTime time={created_at} />,
    },
  ];
  return (
    <Table
      size="small"
      rowKey="id"
      columns={columns}
      dataSource={networks}
      tableLayout={isNarrow ? "fixed" : undefined}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function NameCell({ network, isNarrow }: { network: Network; isNarrow: boolean }) {
  return (
    <div className={styles.name}>
      <Link to={networkPath(network.id, "overview")}>
        <Name>{network.name}</Name>
      </Link>
      <span className={`code ${styles.id}`}>{isNarrow ? network.ipv4 ?? network.ipv6 : network.id}</span>
    </div>
  );
}

function Members({ network }: { network: Network }) {
  const { t } = useTranslation("networks");
  return (
    <span className={styles.members}>
      {network.members}
      {network.pending > 0 && (
        <Link to={`${networkPath(network.id, "members")}?state=pending`}>
          <Badge status="warning" text={t("pending", { count: network.pending })} />
        </Link>
      )}
    </span>
  );
}

function Ranges({ network }: { network: Network }) {
  return [network.ipv4, network.ipv6].filter(Boolean).map((range) => (
    <div key={range} className={`code ${styles.range}`}>
      {range}
    </div>
  ));
}
