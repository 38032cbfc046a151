/**
 * What pages read. A query asks the API once, when its page opens; from then on the live connection writes what changed
 * into the cache, so nothing is polled.
 */
import { useQuery, type QueryClient, type UseQueryResult } from "@tanstack/react-query";
import { all, answer, api } from "./client";
import type { Member, Network } from "./documents";

export const keys = {
  networks: ["networks"] as const,
  members: (network: string) => ["members", network] as const,
  links: (network: string) => ["links", network] as const,
  relays: ["relays"] as const,
  events: (network: string) => ["events", network] as const,
  health: ["health"] as const,
};

const LIMIT = 500;

export function useNetworks(): UseQueryResult<Network[]> {
  return useQuery({
    queryKey: keys.networks,
    queryFn: () => all((cursor) => api.GET("/networks", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useNetwork(network: string): Network | undefined {
  return useNetworks().data?.find((one) => one.id === network);
}

export function useMembers(network: string): UseQueryResult<Member[]> {
  return useQuery({
    queryKey: keys.members(network),
    enabled: network !== "",
    queryFn: () =>
      all((cursor) =>
        api.GET("/networks/{network}/members", { params: { path: { network }, query: { cursor, limit: LIMIT } } }),
      ),
  });
}

export function useHealth() {
  return useQuery({ queryKey: keys.health, queryFn: () => answer(api.GET("/health")) });
}

/** How people log in beside name and password. */
export function useLoginMethods() {
  return useQuery({ queryKey: ["login-methods"], queryFn: () => answer(api.GET("/auth/methods")) });
}

/** Show at once what a change answered, before the live connection tells of it. */
export function putNetwork(cache: QueryClient, network: Network): void {
  cache.setQueryData<Network[]>(keys.networks, (known) => known && put(known, network, (one) => one.id));
}

/** Show at once what a change answered, before the live connection tells of it. */
export function putMember(cache: QueryClient, member: Member): void {
  const key = keys.members(member.network);
  cache.setQueryData<Member[]>(key, (known) => known && put(known, member, (one) => one.id));
}

/** The list with this item in its place, or at the end. */
export function put<Item>(items: Item[], item: Item, id: (item: Item) => string): Item[] {
  const place = items.findIndex((one) => id(one) === id(item));
  return place < 0 ? [...items, item] : items.with(place, item);
}
