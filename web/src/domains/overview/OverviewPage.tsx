import { lazy, Suspense, useMemo } from "react";
import { Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Member } from "@/api/documents";
import { useEvents, useLinks } from "@/api/linkQueries";
import type { Link as LinkDocument } from "@/api/links";
import { useMembers, useNetwork } from "@/api/queries";
import { networkPath, useNetworkId } from "@/app/paths";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { Attention } from "./Attention";
import { Counters } from "./Counters";
import { FirstSteps } from "./FirstSteps";
import { HealthIcon, useHealthSentences } from "./HealthSentence";
import { RecentEvents } from "./RecentEvents";
import { useSamples } from "./samples";
import { summarize } from "./summary";
import { useConcerns } from "./useConcerns";
import styles from "./OverviewPage.module.css";

const Graph = lazy(() => import("../topology/Graph"));

/** The first page: how the network is, what needs somebody, and what it looks like. */
export default function OverviewPage() {
  const network = useNetworkId();
  const members = useMembers(network);
  const links = useLinks(network).data ?? NO_LINKS;
  return (
    <QueryState query={members} waiting={<Skeleton active title={false} className={styles.waiting} />}>
      {(known) => <Overview key={network} network={network} members={known} links={links} />}
    </QueryState>
  );
}

const NO_LINKS: LinkDocument[] = [];

interface Props {
  network: string;
  members: Member[];
  links: LinkDocument[];
}

function Overview({ network, members, links }: Props) {
  const { t } = useTranslation("overview");
  const name = useNetwork(network)?.name ?? "";
  const summary = useMemo(() => summarize(members, links), [members, links]);
  const [sentence, detail] = useHealthSentences(summary);
  const samples = useSamples(network, summary);
  const events = useEvents(network).data;
  const byId = useMemo(() => new Map(members.map((member) => [member.id, member])), [members]);
  // How long somebody is away grows without any change, so the time goes on with the samples.
  const now = samples.at(-1)?.at ?? 0;
  const concerns = useConcerns({ network, members, links, events, now });
  return (
    <Page
      icon={<HealthIcon summary={summary} />}
      title={<span role="status">{sentence}</span>}
      intro={detail}
      tab={`${t("title")} · ${name}`}
    >
      {summary.members === 0 ? (
        <FirstSteps network={network} pending={summary.pending} />
      ) : (
        <>
          <Counters summary={summary} samples={samples} />
          <div className={styles.columns}>
            <Section title={t("attention.title")}>
              <Attention network={network} concerns={concerns} members={byId} />
            </Section>
            <Section
              title={t("topology.title")}
              extra={<Link to={networkPath(network, "topology")}>{t("topology.whole")}</Link>}
            >
              <div className={styles.drawing}>
                <Suspense fallback={<Skeleton active title={false} />}>
                  <Graph network={network} members={members} links={links} height="100%" isPreview />
                </Suspense>
              </div>
            </Section>
          </div>
          <RecentEvents network={network} events={events ?? []} members={byId} />
        </>
      )}
    </Page>
  );
}
