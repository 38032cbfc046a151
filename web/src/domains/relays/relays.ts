/** The relays that members are told of, and the links that each carries. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { linksQuery } from "@/api/linkQueries";
import type { Link } from "@/api/links";
import { keys, useNetworks } from "@/api/queries";
import type { components } from "@/api/schema";
import { grouped } from "@/components/grouped";

export type Relay = components["schemas"]["RelayDocument"];

export function useRelays() {
  return useQuery({ queryKey: keys.relays, queryFn: async () => (await answer(api.GET("/relays"))).items });
}

/** The links of all networks that go through a relay, by the relay's name. */
export function useRelayedLinks(): Map<string, Link[]> {
  const networks = useNetworks().data ?? [];
  const queries = useQueries({ queries: networks.map((network) => linksQuery(network.id)) });
  const relayed = queries.flatMap((query) => query.data ?? []).filter((link) => link.relay !== "");
  return grouped(relayed, (link) => link.relay);
}
