/** A member's paths in a few numbers. */
import { pathType, type Link, type PathType } from "@/api/links";
import { grouped } from "@/components/grouped";

type Shown = PathType | "unknown";

export interface PathSummary {
  /** Best kind first; kinds that no path has are left out. */
  counts: { type: Shown; count: number }[];
  total: number;
  /** Milliseconds, of the slowest path. */
  slowest: number | null;
}

const ORDER: readonly Shown[] = ["direct", "peer", "relay", "tcp", "unknown", "none"];

export function summarisePaths(links: Link[]): PathSummary {
  const counts = grouped(links, (link) => pathType(link.path));
  const times = links.map((link) => link.rtt_ms).filter((rtt) => rtt !== null);
  return {
    counts: ORDER.flatMap((type) => {
      const count = counts.get(type)?.length ?? 0;
      return count ? [{ type, count }] : [];
    }),
    total: links.length,
    slowest: times.length ? Math.max(...times) : null,
  };
}

/** The links of each member. */
export function linksByMember(links: Link[]): Map<string, Link[]> {
  const found = new Map<string, Link[]>();
  for (const link of links) {
    for (const member of [link.a, link.b]) {
      const known = found.get(member);
      if (known) known.push(link);
      else found.set(member, [link]);
    }
  }
  return found;
}

/** The other end. */
export function peerOf(link: Link, member: string): string {
  return link.a === member ? link.b : link.a;
}
