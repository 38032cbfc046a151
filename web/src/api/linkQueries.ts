/** What pages read about links, and what happened. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { all, answer, api } from "./client";
import { linkKey, type Link, type LinkHistory, type NetworkEvent, type PathChange } from "./links";
import { keys } from "./queries";

const LIMIT = 500;
const EVENTS = 100;

export function linksQuery(network: string) {
  return {
    queryKey: keys.links(network),
    enabled: network !== "",
    queryFn: () =>
      all((cursor) =>
        api.GET("/networks/{network}/links", { params: { path: { network }, query: { cursor, limit: LIMIT } } }),
      ),
  };
}

export function useLinks(network: string): UseQueryResult<Link[]> {
  return useQuery(linksQuery(network));
}

/** One link, kept by the live connection like the rest; null: there is none. */
export function useLink(network: string, a: string, b: string): UseQueryResult<Link | null> {
  return useQuery({
    ...linksQuery(network),
    select: (links) => links.find((link) => linkKey(link.a, link.b) === linkKey(a, b)) ?? null,
  });
}

/** The last `seconds` of a link. It is read once; the page appends what the live connection brings. */
export function useLinkHistory(network: string, a: string, b: string, seconds: number): UseQueryResult<LinkHistory> {
  return useQuery({
    queryKey: ["link-history", network, a, b, seconds],
    gcTime: 0,
    staleTime: 0,
    queryFn: () => {
      const until = Math.ceil(Date.now() / 1000);
      const query = { from: until - seconds, to: until };
      return answer(
        api.GET("/networks/{network}/links/{a}/{b}/history", { params: { path: { network, a, b }, query } }),
      );
    },
  });
}

/** How the path of a link changed, newest first. `since` is when the present path began: another one is asked for anew. */
export function useLinkChanges(network: string, a: string, b: string, since: string): UseQueryResult<PathChange[]> {
  return useQuery({
    queryKey: ["link-changes", network, a, b, since],
    placeholderData: (before: PathChange[] | undefined) => before,
    queryFn: async () => {
      const path = { network, a, b };
      return (await answer(api.GET("/networks/{network}/links/{a}/{b}/changes", { params: { path } }))).items;
    },
  });
}

/** What happened in a network lately, newest first. */
export function useEvents(network: string): UseQueryResult<NetworkEvent[]> {
  return useQuery({
    queryKey: keys.events(network),
    queryFn: async () => {
      const params = { path: { network }, query: { limit: EVENTS } };
      return (await answer(api.GET("/networks/{network}/events", { params }))).items;
    },
  });
}
