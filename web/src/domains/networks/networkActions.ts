/** Making, changing and deleting networks. A change names the state that it is based on, so nobody's change is lost. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { Network } from "@/api/documents";
import { keys, putNetwork } from "@/api/queries";
import type { components } from "@/api/schema";

export type NewNetwork = components["schemas"]["NewNetworkRequest"];
export type NetworkChange = components["schemas"]["NetworkChange"];

/** A network, and the tag of its settings as they were read. */
export interface Tagged {
  network: Network;
  tag: string;
}

const settingsKey = (network: string) => ["network-settings", network] as const;

export function useTaggedNetwork(network: string) {
  return useQuery({
    queryKey: settingsKey(network),
    refetchOnMount: "always",
    queryFn: () => readTagged(network),
  });
}

async function readTagged(network: string): Promise<Tagged> {
  return tagged(await withResponse(api.GET("/networks/{network}", { params: { path: { network } } })));
}

export function useNetworkActions() {
  const cache = useQueryClient();
  const put = (found: Tagged): Tagged => {
    putNetwork(cache, found.network);
    cache.setQueryData(settingsKey(found.network.id), found);
    return found;
  };
  return {
    create: async (body: NewNetwork, repeatKey: string): Promise<Network> => {
      const made = await answer(api.POST("/networks", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      putNetwork(cache, made);
      return made;
    },
    change: async (network: string, body: NetworkChange, tag: string): Promise<Tagged> => {
      const params = { path: { network }, header: { "If-Match": tag } };
      return put(tagged(await withResponse(api.PATCH("/networks/{network}", { params, body }))));
    },
    /** As it is, whatever was read before. */
    readAgain: async (network: string): Promise<Tagged> => put(await readTagged(network)),
    remove: async (network: string): Promise<void> => {
      await answer(api.DELETE("/networks/{network}", { params: { path: { network } } }));
      cache.setQueryData<Network[]>(keys.networks, (known) => known?.filter((one) => one.id !== network));
    },
  };
}

function withResponse<Answer>(request: Promise<Answer>): Promise<Answer> {
  return answer(request.then((data) => ({ data })));
}

function tagged({ data, response }: { data?: Network; response: Response }): Tagged {
  return { network: data as Network, tag: response.headers.get("ETag") ?? "*" };
}
