import { Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link as RouterLink, useParams } from "react-router";
import { useLink, useLinkChanges } from "@/api/linkQueries";
import type { Link } from "@/api/links";
import { useMembers } from "@/api/queries";
import { memberPath, useNetworkId } from "@/app/paths";
import { EmptyState } from "@/components/EmptyState";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { LinkCharts } from "./LinkCharts";
import { LinkEnds } from "./LinkEnds";
import { LinkNumbers } from "./LinkNumbers";
import { LinkWhy } from "./LinkWhy";
import { PathHistory } from "./PathHistory";
import { RelayTestButton, RelayTestNote } from "./RelayTest";
import styles from "./LinkPage.module.css";

const RANGES = { m15: 900, h1: 3600, h6: 21_600, h24: 86_400 };
type Range = keyof typeof RANGES;

/** All that is known of one pair: how it is connected, why, how it went, and what each end says. */
export default function LinkPage() {
  const { t } = useTranslation("links");
  const network = useNetworkId();
  const { a = "", b = "" } = useParams();
  const members = useMembers(network).data ?? [];
  const nameOf = (node: string) => members.find((member) => member.id === node)?.name ?? node;
  const link = useLink(network, a, b);
  return (
    <Page
      tab={`${isolated(nameOf(a))} ↔ ${isolated(nameOf(b))}`}
      title={
        <span className={styles.title}>
          <RouterLink to={memberPath(network, a)}>
            <Name>{nameOf(a)}</Name>
          </RouterLink>
          <span className={styles.between}>↔</span>
          <RouterLink to={memberPath(network, b)}>
            <Name>{nameOf(b)}</Name>
          </RouterLink>
        </span>
      }
      actions={link.data && <RelayTestButton link={link.data} />}
    >
      <QueryState query={link}>
        {(known) =>
          known === null ? (
            <Section>
              <EmptyState title={t("noLink")} text={t("noLinkText")} />
            </Section>
          ) : (
            <Known network={network} link={known} nameOf={nameOf} />
          )
        }
      </QueryState>
      {link.data === null && <History network={network} a={a} b={b} since="" nameOf={nameOf} />}
    </Page>
  );
}

interface KnownProps {
  network: string;
  link: Link;
  nameOf: (node: string) => string;
}

function Known({ network, link, nameOf }: KnownProps) {
  const { t } = useTranslation("links");
  const [range, setRange] = useState<Range>("m15");
  const { a, b } = link;
  return (
    <>
      <RelayTestNote link={link} />
      <LinkWhy link={link} nameOf={nameOf} />
      <LinkNumbers link={link} nameOf={nameOf} />
      <LinkCharts
        key={`${a} ${b} ${range}`}
        network={network}
        link={link}
        seconds={RANGES[range]}
        nameOf={nameOf}
        extra={
          <Segmented<Range>
            aria-label={t("range.label")}
            value={range}
            onChange={setRange}
            options={(Object.keys(RANGES) as Range[]).map((one) => ({ value: one, label: t(`range.${one}`) }))}
          />
        }
      />
      <div className={styles.columns}>
        <History network={network} a={a} b={b} since={link.since ?? link.path} nameOf={nameOf} />
        <LinkEnds link={link} nameOf={nameOf} />
      </div>
    </>
  );
}

interface HistoryProps extends Pick<KnownProps, "network" | "nameOf"> {
  a: string;
  b: string;
  since: string;
}

function History({ network, a, b, since, nameOf }: HistoryProps) {
  const { t } = useTranslation("links");
  const changes = useLinkChanges(network, a, b, since);
  return (
    <Section title={t("history")}>
      <QueryState query={changes}>{(known) => <PathHistory changes={known} nameOf={nameOf} />}</QueryState>
    </Section>
  );
}
