/** What somebody should look at, worst first. */
import type { Member } from "@/api/documents";
import { linkKey, pathType, type Link } from "@/api/links";
import { approved, presentLinks } from "./summary";

export type Concern =
  | { kind: "pending"; member: Member }
  | { kind: "down" | "relayed" | "flapping"; link: Link; changes?: number }
  | { kind: "away"; member: Member }
  | { kind: "old"; member: Member; newest: string }
  | { kind: "expiring"; member: Member; at: string };

const AWAY_SECONDS = 60;
/** A member that restarts is not worth a line. */
const EXPIRES_SOON_SECONDS = 14 * 86_400;
const FLAPPING_CHANGES = 4;
/** In the time that `pathChanges` were counted over. */

interface Known {
  members: readonly Member[];
  links: readonly Link[];
  /** How often the path of a link changed lately, by `linkKey`. */
  pathChanges: ReadonlyMap<string, number>;
  /** Unix milliseconds. */
  now: number;
}

export function concernsOf({ members, links, pathChanges, now }: Known): Concern[] {
  const ours = approved(members);
  const present = presentLinks(members, links);
  const newest = newestVersion(ours.map((member) => member.version));
  return [
    ...members.filter((member) => member.state === "pending").map((member): Concern => ({ kind: "pending", member })),
    ...present.filter((link) => pathType(link.path) === "none").map((link): Concern => ({ kind: "down", link })),
    ...ours.filter((member) => isAway(member, now)).map((member): Concern => ({ kind: "away", member })),
    ...present.flatMap((link): Concern[] => {
      const changes = pathChanges.get(linkKey(link.a, link.b)) ?? 0;
      return changes >= FLAPPING_CHANGES ? [{ kind: "flapping", link, changes }] : [];
    }),
    ...ours.flatMap((member): Concern[] => {
      const at = expiryOf(member);
      const isSoon = at !== null && Date.parse(at) - now < EXPIRES_SOON_SECONDS * 1000;
      return isSoon ? [{ kind: "expiring", member, at }] : [];
    }),
    ...present
      .filter((link) => ["relay", "tcp", "peer"].includes(pathType(link.path)))
      .map((link): Concern => ({ kind: "relayed", link })),
    ...ours
      .filter((member) => member.version !== "" && compareVersions(member.version, newest) < 0)
      .map((member): Concern => ({ kind: "old", member, newest })),
  ];
}

function isAway(member: Member, now: number): boolean {
  return !member.is_online && now - Date.parse(member.last_seen_at) > AWAY_SECONDS * 1000;
}

/** When the member's key is to be renewed, where the API says so. */
function expiryOf(member: Member): string | null {
  const at = (member as { key_expires_at?: unknown }).key_expires_at;
  return typeof at === "string" ? at : null;
}

function newestVersion(versions: string[]): string {
  return versions.toSorted(compareVersions).at(-1) ?? "";
}

/** By their numbers, as far as there are some. */
export function compareVersions(one: string, other: string): number {
  const numbers = (version: string) => (version.match(/\d+/g) ?? []).map(Number);
  const [left, right] = [numbers(one), numbers(other)];
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
