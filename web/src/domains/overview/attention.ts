/** What somebody should look at, worst first. */
import type { Invite, Member } from "@/api/documents";
import { linkKey, pathType, type Link } from "@/api/links";
import type { ApiToken } from "../tokens/tokens";
import { stateOf, type Webhook } from "../webhooks/webhooks";
import { approved, presentLinks } from "./summary";

export type Concern =
  | { kind: "pending" | "away"; member: Member }
  | { kind: "unsigned"; members: Member[] }
  | { kind: "down" | "relayed" | "flapping"; link: Link; changes?: number }
  | { kind: "old"; member: Member; newest: string }
  | { kind: "invite"; invite: Invite }
  | { kind: "token"; token: ApiToken }
  | { kind: "webhook"; webhook: Webhook };

const AWAY_SECONDS = 60;
/** A member that restarts is not worth a line. */
const FLAPPING_CHANGES = 4;
/** In the time that `pathChanges` were counted over. */
const DAY_MILLISECONDS = 86_400_000;
const LASTING_DAYS = 2;
/** What is made for a shorter time is meant to run out. */
const SOON_DAYS = 14;
const SOON_SHARE = 0.25;

export interface Known {
  members: readonly Member[];
  links: readonly Link[];
  /** How often the path of a link changed lately, by `linkKey`. */
  pathChanges: ReadonlyMap<string, number>;
  /** Unix milliseconds. */
  now: number;
  /** Of the controller; empty: not known. */
  version?: string;
  /** Ids of members whom the network's lock has not signed. */
  unsigned?: ReadonlySet<string>;
  invites?: readonly Invite[];
  tokens?: readonly ApiToken[];
  webhooks?: readonly Webhook[];
}

export function concernsOf(known: Known): Concern[] {
  const { members, links, pathChanges, now } = known;
  const ours = approved(members);
  const present = presentLinks(members, links);
  const newest = newestVersion([known.version ?? "", ...ours.map((member) => member.version)]);
  return [
    ...members.filter((member) => member.state === "pending").map((member): Concern => ({ kind: "pending", member })),
    ...present.filter((link) => pathType(link.path) === "none").map((link): Concern => ({ kind: "down", link })),
    ...keptOut(ours, known.unsigned),
    ...ours.filter((member) => isAway(member, now)).map((member): Concern => ({ kind: "away", member })),
    ...present.flatMap((link): Concern[] => {
      const changes = pathChanges.get(linkKey(link.a, link.b)) ?? 0;
      return changes >= FLAPPING_CHANGES ? [{ kind: "flapping", link, changes }] : [];
    }),
    ...keysThatRunOut(known),
    ...(known.webhooks ?? [])
      .filter((webhook) => ["failing", "gone"].includes(stateOf(webhook)))
      .map((webhook): Concern => ({ kind: "webhook", webhook })),
    ...present
      .filter((link) => ["relay", "tcp", "peer"].includes(pathType(link.path)))
      .map((link): Concern => ({ kind: "relayed", link })),
    ...ours
      .filter((member) => member.version !== "" && compareVersions(member.version, newest) < 0)
      .map((member): Concern => ({ kind: "old", member, newest })),
  ];
}

/** One line for all: they are signed together. */
function keptOut(members: Member[], ids: ReadonlySet<string> = new Set()): Concern[] {
  const found = members.filter(({ id }) => ids.has(id));
  return found.length > 0 ? [{ kind: "unsigned", members: found }] : [];
}

function isAway(member: Member, now: number): boolean {
  return !member.is_online && now - Date.parse(member.last_seen_at) > AWAY_SECONDS * 1000;
}

/** Keys that somebody may count on: to join with, and of programs. */
function keysThatRunOut({ invites = [], tokens = [], now }: Known): Concern[] {
  return [
    ...tokens.filter((token) => runsOutSoon(token, now)).map((token): Concern => ({ kind: "token", token })),
    ...invites
      .filter((invite) => !invite.is_revoked && invite.uses_left > 0 && runsOutSoon(invite, now))
      .map((invite): Concern => ({ kind: "invite", invite })),
  ];
}

/** In the last quarter of its time, and in two weeks at most. */
export function runsOutSoon(key: { created_at: string; expires_at: string }, now: number): boolean {
  const end = Date.parse(key.expires_at);
  const whole = end - Date.parse(key.created_at);
  if (whole < LASTING_DAYS * DAY_MILLISECONDS || end <= now) return false;
  return end - now < Math.min(SOON_DAYS * DAY_MILLISECONDS, whole * SOON_SHARE);
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
