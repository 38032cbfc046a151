/**
 * What the live connection does not bring, but says to be out of date, by areas of the API. A query of an area has a
 * key that begins with the area's name, and then the network's id where it is about one. It is read again where it is
 * on a page, at most about once a second; elsewhere when a page shows it next.
 */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

export interface Outdated {
  area: string;
  network_id: string;
}

const AREAS = ["audit", "exits", "invites", "policy", "tokens", "users", "webhooks"];
/** They have no area of their own: a network's revision grows with them. */
const OF_A_NETWORK = ["names", "lock"];
const PAUSE_MILLISECONDS = 1000;

/** What is being read again, and whether it became out of date meanwhile. */
const running = new WeakMap<QueryClient, Map<string, boolean>>();

export function applyOutdated(cache: QueryClient, outdated: readonly Outdated[]): void {
  for (const { area, network_id } of outdated) void readAgain(cache, network_id ? [area, network_id] : [area]);
}

/** A network has another revision. */
export function networkChanged(cache: QueryClient, network: string): void {
  for (const name of OF_A_NETWORK) void readAgain(cache, [name, network]);
}

/** Nothing was heard for a while. */
export function allOutdated(cache: QueryClient): void {
  for (const name of [...AREAS, ...OF_A_NETWORK]) void readAgain(cache, [name]);
}

async function readAgain(cache: QueryClient, queryKey: QueryKey): Promise<void> {
  const known = running.get(cache) ?? new Map<string, boolean>();
  running.set(cache, known);
  const name = queryKey.join("/");
  if (known.has(name)) {
    known.set(name, true);
    return;
  }
  do {
    known.set(name, false);
    // What was never read is on its way, and newer than this word.
    await cache.invalidateQueries({ queryKey, predicate: ({ state }) => state.data !== undefined });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  } while (known.get(name) === true);
  known.delete(name);
}
