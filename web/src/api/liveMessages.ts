/** What the live connection says, and how it changes the cache. Kinds and messages not known here are passed over. */
import type { QueryClient } from "@tanstack/react-query";
import { grouped } from "@/components/grouped";
import type { Member, Network } from "./documents";
import { linkKey, type Link, type NetworkEvent } from "./links";
import { allOutdated, networkChanged, type Outdated } from "./outdated";
import { keys } from "./queries";

export interface Snapshot {
  t: "snapshot";
  revision: number;
  networks: Network[];
  members: Member[];
  links: Link[];
  relays: unknown[];
}

export interface Change {
  kind: string;
  network_id: string;
  id: string;
  value: unknown;
}

export interface Changes {
  t: "changes";
  revision: number;
  changes: Change[];
  outdated?: Outdated[];
}

/** Events of a network that are kept, newest first. */
const EVENTS_KEPT = 200;

export function applySnapshot(cache: QueryClient, snapshot: Snapshot): void {
  cache.setQueryData(keys.networks, snapshot.networks);
  cache.setQueryData(keys.relays, snapshot.relays);
  const members = grouped(snapshot.members, (member) => member.network);
  const links = grouped(snapshot.links, (link) => link.network_id);
  for (const network of snapshot.networks) {
    cache.setQueryData(keys.members(network.id), members.get(network.id) ?? []);
    cache.setQueryData(keys.links(network.id), links.get(network.id) ?? []);
  }
  allOutdated(cache);
  // A snapshot has no events: of what was read before, those since then are missing.
  void cache.invalidateQueries({ queryKey: ["events"], predicate: (query) => query.state.data !== undefined });
}

export function applyChanges(cache: QueryClient, changes: Change[]): void {
  for (const [kind, ofKind] of grouped(changes, (change) => change.kind)) {
    for (const [network, ofNetwork] of grouped(ofKind, (change) => change.network_id)) {
      apply(cache, kind, network, ofNetwork);
    }
  }
}

function apply(cache: QueryClient, kind: string, network: string, changes: Change[]): void {
  switch (kind) {
    case "network":
      for (const { id } of changes) networkChanged(cache, id);
      return update<Network>(cache, keys.networks, changes, (one) => one.id);
    case "member":
      return update<Member>(cache, keys.members(network), changes, (one) => one.id);
    case "link":
      return update<Link>(cache, keys.links(network), changes, (one) => linkKey(one.a, one.b));
    case "relay":
      return update<{ id: string }>(cache, keys.relays, changes, (one) => one.id);
    case "event":
      cache.setQueryData<NetworkEvent[]>(keys.events(network), (known) => known && withEvents(known, changes));
  }
}

/** With these at its beginning. What was read while they were on their way has them already. */
function withEvents(known: NetworkEvent[], changes: Change[]): NetworkEvent[] {
  const ids = new Set(known.map((event) => event.id));
  const added = changes.map((change) => change.value as NetworkEvent).filter((event) => !ids.has(event.id));
  return [...added.reverse(), ...known].slice(0, EVENTS_KEPT);
}

function update<Item>(
  cache: QueryClient,
  key: readonly string[],
  changes: Change[],
  identify: (item: Item) => string,
): void {
  cache.setQueryData<Item[]>(key, (known) => {
    if (known === undefined) return undefined;
    const places = new Map(known.map((item, place) => [identify(item), place]));
    const next: (Item | null)[] = [...known];
    for (const change of changes) {
      const value = change.value as Item | null;
      const id = value === null ? change.id : identify(value);
      const place = places.get(id);
      if (place !== undefined) next[place] = value;
      else if (value !== null) places.set(id, next.push(value) - 1);
    }
    return next.filter((item) => item !== null);
  });
}

