import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Member } from "@/api/documents";
import { linkKey, type NetworkEvent } from "@/api/links";
import { linkPath, memberPath } from "@/app/paths";
import { Name } from "@/components/Name";
import { Section } from "@/components/Page";
import { PathTag } from "@/components/PathTag";
import { RelativeTime } from "@/components/RelativeTime";
import { useReason } from "../links/reason";
import styles from "./RecentEvents.module.css";

const SHOWN = 8;
const LATELY_MILLISECONDS = 10 * 60 * 1000;

/** How often the path of each link changed in the last ten minutes, by `linkKey`. */
export function pathChangesOf(events: readonly NetworkEvent[], now: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    const [a, b] = event.nodes;
    if (event.kind !== "link.path" || a === undefined || b === undefined) continue;
    if (now - Date.parse(event.at) > LATELY_MILLISECONDS) continue;
    counts.set(linkKey(a, b), (counts.get(linkKey(a, b)) ?? 0) + 1);
  }
  return counts;
}

interface Props {
  network: string;
  events: readonly NetworkEvent[];
  members: ReadonlyMap<string, Member>;
}

/** What happened last. */
export function RecentEvents({ network, events, members }: Props) {
  const { t } = useTranslation("overview");
  if (events.length === 0) return null;
  return (
    <Section title={t("events.title")}>
      <ol className={styles.list}>
        {events.slice(0, SHOWN).map((event) => (
          <li key={event.id} className={styles.event}>
            <span className={styles.time}>
              <RelativeTime time={event.at} />
            </span>
            <What network={network} event={event} members={members} />
          </li>
        ))}
      </ol>
    </Section>
  );
}

function What({ network, event, members }: { network: string; event: NetworkEvent; members: Props["members"] }) {
  const { t } = useTranslation("overview");
  const reason = useReason();
  const [a = "", b = ""] = event.nodes;
  const nameOf = (node: string) => <Name>{members.get(node)?.name ?? node}</Name>;
  if (event.change === null || b === "") {
    return (
      <span className={styles.what}>
        <Link to={memberPath(network, a)}>{nameOf(a)}</Link>
        <span className={styles.detail}>{t(`events.${event.kind.replace(".", "-")}`, { defaultValue: event.kind })}</span>
      </span>
    );
  }
  return (
    <span className={styles.what}>
      <Link to={linkPath(network, a, b)}>
        {nameOf(a)} ↔ {nameOf(b)}
      </Link>
      <PathTag path={event.change.path} />
      <span className={styles.detail}>{reason(event.change)}</span>
    </span>
  );
}
