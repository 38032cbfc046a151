import { useMemo } from "react";
import type { Member } from "@/api/documents";
import type { Link, NetworkEvent } from "@/api/links";
import { useHealth } from "@/api/queries";
import { useMay } from "@/api/session";
import { useInvites } from "../keys/invites";
import { unsigned, useLock, useLockedMembers } from "../lock/lock";
import { useTokens } from "../tokens/tokens";
import { useWebhooks } from "../webhooks/webhooks";
import { concernsOf, type Concern } from "./attention";
import { pathChangesOf } from "./RecentEvents";

interface Seen {
  network: string;
  members: readonly Member[];
  links: readonly Link[];
  events: readonly NetworkEvent[] | undefined;
  /** Unix milliseconds. */
  now: number;
}

/** What needs somebody in a network, and of the controller what who looks can do something about. */
export function useConcerns({ network, members, links, events, now }: Seen): Concern[] {
  const isAdmin = useMay("admin");
  const version = useHealth().data?.version;
  const isLocked = useLock(network).data?.is_locked ?? false;
  const locked = useLockedMembers(network, isLocked).data;
  const invites = useInvites(network).data;
  const tokens = useTokens().data;
  const webhooks = useWebhooks(isAdmin).data;
  const waiting = useMemo(
    () => new Set(isLocked && locked ? unsigned(locked).map((one) => one.id) : []),
    [isLocked, locked],
  );
  return useMemo(
    () =>
      concernsOf({
        members,
        links,
        pathChanges: pathChangesOf(events ?? [], now),
        now,
        version,
        unsigned: waiting,
        invites,
        tokens,
        webhooks,
      }),
    [members, links, events, now, version, waiting, invites, tokens, webhooks],
  );
}
