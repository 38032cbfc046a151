import { useTranslation } from "react-i18next";
import type { Link, LinkEnd } from "@/api/links";
import { isolated } from "@/components/isolated";
import { FactList, type Fact } from "@/components/FactList";
import { formatMilliseconds, formatNumber, formatRate, formatShare } from "@/components/format";
import { Section } from "@/components/Page";
import { PathTag } from "@/components/PathTag";
import { RelativeTime } from "@/components/RelativeTime";
import styles from "./LinkEnds.module.css";

/** What each of the two says of the link. */
export function LinkEnds({ link, nameOf }: { link: Link; nameOf: (node: string) => string }) {
  const { t } = useTranslation("links");
  return (
    <Section title={t("ends")}>
      <div className={styles.ends}>
        <End end={link.ends.a} name={nameOf(link.a)} />
        <End end={link.ends.b} name={nameOf(link.b)} />
      </div>
    </Section>
  );
}

function End({ end, name }: { end: LinkEnd | null; name: string }) {
  const { t } = useTranslation("links");
  const facts = useFacts();
  return (
    <div className={styles.end}>
      <h3 className={styles.name}>{t("asSeen", { name: isolated(name) })}</h3>
      {end === null ? <p className={styles.silent}>{t("silent")}</p> : <FactList facts={facts(end)} />}
      {end !== null && end.why !== "" && (
        <p className={styles.why} lang="en">
          {end.why}
        </p>
      )}
    </div>
  );
}

function useFacts(): (end: LinkEnd) => Fact[] {
  const { t } = useTranslation("links");
  const kind = (candidate: string) => t(`candidate.${candidate}`, { defaultValue: candidate });
  return (end) => [
    { label: t("path"), value: <PathTag path={end.path} /> },
    { label: t("rtt"), value: end.rtt_ms === null ? t("none") : formatMilliseconds(end.rtt_ms) },
    { label: t("jitter"), value: end.jitter_ms === null ? t("none") : formatMilliseconds(end.jitter_ms) },
    { label: t("loss"), value: end.loss === null ? t("none") : formatShare(end.loss) },
    {
      label: t("rates"),
      value: `${formatRate(end.received_bytes_per_second)} / ${formatRate(end.sent_bytes_per_second)}`,
    },
    ...(end.local_candidate || end.remote_candidate
      ? [{ label: t("candidates"), value: `${kind(end.local_candidate)} → ${kind(end.remote_candidate)}` }]
      : []),
    ...(end.score === null ? [] : [{ label: t("score"), value: formatNumber(end.score, 1) }]),
    { label: t("reportedAt"), value: <RelativeTime time={end.reported_at} /> },
  ];
}
