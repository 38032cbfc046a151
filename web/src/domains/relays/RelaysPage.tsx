/** The relays: how members reach each, and how much goes through it. */
import { CloudServerOutlined } from "@ant-design/icons";
import { Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { throughput, type Link } from "@/api/links";
import { CopyText } from "@/components/CopyText";
import { EmptyState } from "@/components/EmptyState";
import { formatRate } from "@/components/format";
import { Name } from "@/components/Name";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { useRelayedLinks, useRelays, type Relay } from "./relays";
import styles from "./RelaysPage.module.css";

const EXAMPLE = "relays: [{name: fra, host: relay.example.net, auth-secret: file:/etc/zerogo/fra-secret}]";

export default function RelaysPage() {
  const { t } = useTranslation("relays");
  return (
    <Page title={t("title")} intro={t("intro")}>
      <Section>
        <QueryState query={useRelays()}>
          {(relays) =>
            relays.length === 0 ? (
              <EmptyState
                icon={<CloudServerOutlined />}
                title={t("empty.title")}
                text={t("empty.text")}
                action={<CopyText text={EXAMPLE} isBlock />}
              />
            ) : (
              <RelayTable relays={relays} />
            )
          }
        </QueryState>
      </Section>
    </Page>
  );
}

function RelayTable({ relays }: { relays: Relay[] }) {
  const { t } = useTranslation("relays");
  const carried = useRelayedLinks();
  const columns: TableColumnsType<Relay> = [
    { title: t("column.relay"), key: "relay", render: (_, relay) => <What relay={relay} /> },
    {
      title: t("column.ports"),
      key: "ports",
      responsive: ["md"],
      render: (_, relay) => <Ports relay={relay} />,
    },
    {
      title: t("column.links"),
      key: "links",
      align: "end",
      className: "number",
      render: (_, { id }) => <Carried links={carried.get(id) ?? []} />,
    },
  ];
  return <Table size="small" rowKey="id" columns={columns} dataSource={relays} pagination={false} />;
}

function What({ relay }: { relay: Relay }) {
  const { t } = useTranslation("relays");
  return (
    <div className={styles.relay}>
      <Name>{relay.id}</Name>
      <span className={styles.host}>{relay.host ? <Name>{relay.host}</Name> : t("here")}</span>
    </div>
  );
}

/** The ports that it has, by the way that members reach it. */
function Ports({ relay }: { relay: Relay }) {
  const ways = [
    ["UDP", relay.udp],
    ["TCP", relay.tcp],
    ["TLS", relay.tls],
  ] as const;
  return (
    <span className={styles.ports}>
      {ways
        .filter(([, port]) => port !== 0)
        .map(([way, port]) => (
          <span key={way} className="number">
            <span className={styles.way}>{way}</span> {port}
          </span>
        ))}
    </span>
  );
}

function Carried({ links }: { links: Link[] }) {
  const { t } = useTranslation("relays");
  const rate = links.reduce((sum, link) => sum + throughput(link), 0);
  return (
    <div>
      <div>{t("carried", { count: links.length })}</div>
      {links.length > 0 && <div className={styles.host}>{formatRate(rate)}</div>}
    </div>
  );
}
