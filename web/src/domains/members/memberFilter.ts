/** Which members are listed; the choice is in the page's address, so that a link shows to others what one sees. */
import type { Member } from "@/api/documents";

export const STANDINGS = ["online", "offline", "pending", "blocked", "denied"] as const;
export type Standing = (typeof STANDINGS)[number];

export interface MemberFilter {
  text: string;
  standing: Standing | null;
  tag: string | null;
}

/** Where a member stands, in one word: presence matters only once it is approved. */
export function standingOf(member: Member): Standing {
  if (member.state === "approved") return member.is_online ? "online" : "offline";
  return member.state;
}

export function readFilter(search: URLSearchParams): MemberFilter {
  const standing = search.get("state");
  return {
    text: search.get("q") ?? "",
    standing: STANDINGS.find((one) => one === standing) ?? null,
    tag: search.get("tag"),
  };
}

export function writeFilter(filter: MemberFilter): URLSearchParams {
  const search = new URLSearchParams();
  if (filter.text) search.set("q", filter.text);
  if (filter.standing) search.set("state", filter.standing);
  if (filter.tag) search.set("tag", filter.tag);
  return search;
}

/** Every word of the text is found somewhere in a member that is listed. */
export function filterMembers(members: Member[], filter: MemberFilter): Member[] {
  const words = filter.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return members.filter(
    (member) =>
      (filter.standing === null || standingOf(member) === filter.standing) &&
      (filter.tag === null || member.tags.includes(filter.tag)) &&
      words.every((word) => wordsOf(member).includes(word)),
  );
}

export function countStandings(members: Member[]): Record<Standing, number> {
  const counts: Record<Standing, number> = { online: 0, offline: 0, pending: 0, blocked: 0, denied: 0 };
  for (const member of members) counts[standingOf(member)] += 1;
  return counts;
}

/** The tags in use, by how many members have them. */
export function tagsInUse(members: Member[]): string[] {
  const counts = new Map<string, number>();
  for (const tag of members.flatMap((member) => member.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)).map(([tag]) => tag);
}

function wordsOf(member: Member): string {
  return [member.name, member.id, member.mac, member.version, ...member.addresses, ...member.tags]
    .join("\n")
    .toLocaleLowerCase();
}
