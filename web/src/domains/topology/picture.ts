/**
 * What is drawn of a network: its members, or a group of them as one, and of the links those that tell something. All
 * pairs of a large network are never drawn: 1,000 members have 499,500.
 */
import type { Member } from "@/api/documents";
import { linkKey, pathType, throughput, type Link, type PathType } from "@/api/links";
import { grouped } from "@/components/grouped";

export type Shown = PathType | "unknown";

export interface NodeDatum {
  id: string;
  label: string;
  group: string;
  /** How many members it stands for. */
  count: number;
  state: "online" | "away" | "pending" | "kept-out";
  role: "member" | "carrier" | "bridge" | "exit";
}

export interface EdgeDatum {
  id: string;
  source: string;
  target: string;
  path: Shown;
  bytesPerSecond: number;
  /** Of the one link that it stands for; null: it stands for several. */
  link: Link | null;
  /** How many links of each kind it stands for. */
  kinds: Partial<Record<Shown, number>>;
  count: number;
}

export interface Picture {
  nodes: NodeDatum[];
  edges: EdgeDatum[];
  /** How many links there are that could be drawn. */
  links: number;
}

export const NO_GROUP = "";
/** Links that are drawn at most. */
const EDGES_MOST = 1500;
/** From so many members on, groups are drawn as one node each until somebody opens them. */
export const GROUPED_FROM = 120;
const EXIT_ROUTES = new Set(["0.0.0.0/0", "::/0"]);
const WORST_FIRST: Shown[] = ["none", "tcp", "relay", "peer", "unknown", "direct"];

interface Wanted {
  members: readonly Member[];
  links: readonly Link[];
  hidden: ReadonlySet<Shown>;
  /** Groups that are drawn as one node. */
  folded: ReadonlySet<string>;
  /** A member whose links are all drawn. */
  chosen: string | null;
}

export function groupOf(member: Member): string {
  return member.tags[0] ?? NO_GROUP;
}

export function groupNode(group: string): string {
  return `group:${group}`;
}

export function pictureOf({ members, links, hidden, folded, chosen }: Wanted): Picture {
  const drawn = members.filter((member) => member.state === "approved" || member.state === "pending");
  const nodeOf = new Map(
    drawn.map((member) => [member.id, folded.has(groupOf(member)) ? groupNode(groupOf(member)) : member.id]),
  );
  const shown = links.filter((link) => !hidden.has(pathType(link.path)) && nodeOf.has(link.a) && nodeOf.has(link.b));
  return { nodes: nodesOf(drawn, folded), edges: edgesOf(shown, nodeOf, chosen), links: shown.length };
}

function nodesOf(members: readonly Member[], folded: ReadonlySet<string>): NodeDatum[] {
  const single = members.filter((member) => !folded.has(groupOf(member)));
  const groups = grouped(
    members.filter((member) => folded.has(groupOf(member))),
    groupOf,
  );
  return [
    ...single.map(nodeOfMember),
    ...[...groups].map(([group, inside]): NodeDatum => {
      const online = inside.filter((member) => member.is_online).length;
      const label = `${group} · ${online}/${inside.length}`;
      const state = online > 0 ? "online" : "away";
      return { id: groupNode(group), label, group, count: inside.length, state, role: "member" };
    }),
  ];
}

function nodeOfMember(member: Member): NodeDatum {
  const state = member.state === "pending" ? "pending" : member.is_online ? "online" : "away";
  return { id: member.id, label: member.name, group: groupOf(member), count: 1, state, role: roleOf(member) };
}

function roleOf(member: Member): NodeDatum["role"] {
  if (member.subnets.some((one) => one.is_approved && EXIT_ROUTES.has(one.subnet))) return "exit";
  if (member.is_bridge || member.subnets.some((one) => one.is_approved)) return "bridge";
  return member.capabilities.some((one) => one === "hub" || one === "relay") ? "carrier" : "member";
}

function edgesOf(links: readonly Link[], nodeOf: ReadonlyMap<string, string>, chosen: string | null): EdgeDatum[] {
  const between = new Map<string, EdgeDatum>();
  for (const link of links) {
    const [source, target] = [nodeOf.get(link.a) ?? link.a, nodeOf.get(link.b) ?? link.b];
    if (source === target) continue;
    const id = linkKey(source, target);
    const path = pathType(link.path);
    const rate = throughput(link);
    const known = between.get(id);
    if (known === undefined) {
      between.set(id, { id, source, target, path, bytesPerSecond: rate, link, kinds: { [path]: 1 }, count: 1 });
    } else {
      const ofKind = (known.kinds[path] ?? 0) + 1;
      known.kinds[path] = ofKind;
      known.count += 1;
      known.link = null;
      known.bytesPerSecond += rate;
      // Most are such; the rest is told on hover.
      if (ofKind > (known.kinds[known.path] ?? 0)) known.path = path;
    }
  }
  const edges = [...between.values()];
  if (edges.length <= EDGES_MOST) return edges;
  return edges.sort((one, other) => worth(other, chosen) - worth(one, chosen)).slice(0, EDGES_MOST);
}

function rank(path: Shown): number {
  return WORST_FIRST.indexOf(path);
}

/** What is drawn first: the chosen member's, what is not direct, what carries traffic. */
function worth(edge: EdgeDatum, chosen: string | null): number {
  const isChosen = edge.source === chosen || edge.target === chosen;
  return (isChosen ? 1e15 : 0) + (rank("direct") - rank(edge.path)) * 1e12 + Math.min(edge.bytesPerSecond, 1e11);
}

/** Groups of a network that is large enough for them to be folded at first; none where nobody gave tags. */
export function foldedAtFirst(members: readonly Member[]): Set<string> {
  if (members.length < GROUPED_FROM) return new Set();
  const groups = new Set(members.map(groupOf));
  groups.delete(NO_GROUP);
  return groups.size > 1 ? groups : new Set();
}
