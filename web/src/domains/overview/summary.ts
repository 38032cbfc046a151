/** A network in a few numbers, from what the live connection told. */
import type { Member } from "@/api/documents";
import { pathType, throughput, type Link } from "@/api/links";

export interface Summary {
  members: number;
  online: number;
  pending: number;
  links: number;
  direct: number;
  down: number;
  /** Of links that measured one; null: none did. */
  medianRttMs: number | null;
  /** Of all links, each counted once; null: there is none. */
  bytesPerSecond: number | null;
}

/** Members who belong to the network; the rest wait or are kept out. */
export function approved(members: readonly Member[]): Member[] {
  return members.filter((member) => member.state === "approved");
}

/** Links whose both ends are here: of the others, nobody can say how they are. */
export function presentLinks(members: readonly Member[], links: readonly Link[]): Link[] {
  const online = new Set(approved(members).filter((member) => member.is_online).map((member) => member.id));
  return links.filter((link) => online.has(link.a) && online.has(link.b));
}

export function summarize(members: readonly Member[], links: readonly Link[]): Summary {
  const ours = approved(members);
  const present = presentLinks(members, links);
  return {
    members: ours.length,
    online: ours.filter((member) => member.is_online).length,
    pending: members.filter((member) => member.state === "pending").length,
    links: present.length,
    direct: present.filter((link) => pathType(link.path) === "direct").length,
    down: present.filter((link) => pathType(link.path) === "none").length,
    medianRttMs: median(present.flatMap((link) => link.rtt_ms ?? [])),
    bytesPerSecond: present.length > 0 ? present.reduce((sum, link) => sum + throughput(link), 0) : null,
  };
}

function median(values: number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

export type Health = "empty" | "waiting" | "away" | "down" | "relayed" | "good";

/** The worst that is true of a network, which its health sentence is about. */
export function healthOf(summary: Summary): Health {
  if (summary.members === 0) return summary.pending > 0 ? "waiting" : "empty";
  if (summary.down > 0) return "down";
  if (summary.online < summary.members) return "away";
  if (summary.direct < summary.links) return "relayed";
  return "good";
}
