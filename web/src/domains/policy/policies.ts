/** The policy of a network: reading, looking at a text before it is saved, saving, and what there was before. */
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Policy = Schemas["PolicyDocument"];
export type PolicyCheck = Schemas["CheckDocument"];
export type PolicyFinding = Schemas["FindingDocument"];
export type PolicyTest = Schemas["PolicyTestDocument"];
export type AccessChange = Schemas["ChangeDocument"];
export type Explanation = Schemas["ExplanationDocument"];

const HISTORY_PIECE = 50;

const policyKey = (network: string) => ["policy", network] as const;

export function usePolicy(network: string) {
  return useQuery({
    queryKey: policyKey(network),
    queryFn: () => readPolicy(network),
  });
}

function readPolicy(network: string): Promise<Policy> {
  return answer(api.GET("/networks/{network}/policy", { params: { path: { network } } }));
}

/** What is to be said about a text. The answer about the text before stands until there is another. */
export function usePolicyCheck(network: string, text: string) {
  return useQuery({
    queryKey: ["policy-check", network, text],
    gcTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: () =>
      answer(api.POST("/networks/{network}/policy/check", { params: { path: { network } }, body: { text } })),
  });
}

/** Who would gain and lose access with a text, against the policy with this revision. */
export function usePolicyPreview(network: string, text: string, revision: number, isWanted: boolean) {
  return useQuery({
    queryKey: ["policy-preview", network, revision, text],
    enabled: isWanted,
    // It depends on who the members are, too.
    staleTime: 0,
    gcTime: 0,
    queryFn: () =>
      answer(api.POST("/networks/{network}/policy/preview", { params: { path: { network } }, body: { text } })),
  });
}

export function usePolicyHistory(network: string) {
  return useInfiniteQuery({
    queryKey: [...policyKey(network), "history"],
    initialPageParam: undefined as string | undefined,
    refetchOnMount: "always",
    queryFn: ({ pageParam }) => {
      const query = { limit: HISTORY_PIECE, cursor: pageParam };
      return answer(api.GET("/networks/{network}/policy/history", { params: { path: { network }, query } }));
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

export interface Packet {
  src: string;
  dst: string;
  protocol: string;
  port: number | null;
}

/** Whether a packet passes; asked again when there is another policy. */
export function useExplanation(network: string, packet: Packet, isWanted: boolean) {
  return useQuery({
    queryKey: [...policyKey(network), "explain", packet],
    enabled: isWanted,
    // It depends on who the members are, too.
    staleTime: 0,
    gcTime: 0,
    queryFn: () => explain(network, packet),
  });
}

function explain(network: string, { src, dst, protocol, port }: Packet): Promise<Explanation> {
  const query = { src, dst, ...(protocol && { protocol }), ...(port !== null && { port }) };
  return answer(api.GET("/networks/{network}/policy/explain", { params: { path: { network }, query } }));
}

export function usePolicyActions(network: string) {
  const cache = useQueryClient();
  const show = (policy: Policy): Policy => {
    cache.setQueryData(policyKey(network), policy);
    void cache.invalidateQueries({ queryKey: [...policyKey(network), "history"] });
    return policy;
  };
  return {
    save: async (text: string, comment: string, tag: string): Promise<Policy> => {
      const params = { path: { network }, header: { "If-Match": tag } };
      return show(await answer(api.PUT("/networks/{network}/policy", { params, body: { text, comment } })));
    },
    rollBack: async (revision: number, tag: string): Promise<Policy> => {
      const params = { path: { network }, header: { "If-Match": tag } };
      return show(await answer(api.POST("/networks/{network}/policy/rollback", { params, body: { revision } })));
    },
    readAgain: async (): Promise<Policy> => show(await readPolicy(network)),
  };
}
