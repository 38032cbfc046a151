/** Addresses that are kept out of the exits, as users and as edges. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import type { components } from "@/api/schema";

export type Denial = components["schemas"]["DenialDocument"];
export type NewDenial = components["schemas"]["NewDenialRequest"];

const LIMIT = 500;
const KEY = ["exits", "denials"] as const;

export function useDenials() {
  return useQuery({
    queryKey: KEY,
    queryFn: () => all((cursor) => api.GET("/exits/denials", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useDenialActions() {
  const cache = useQueryClient();
  const renew = () => cache.invalidateQueries({ queryKey: KEY });
  return {
    create: async (body: NewDenial, repeatKey: string): Promise<void> => {
      await answer(api.POST("/exits/denials", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      await renew();
    },
    remove: async (denial: Denial): Promise<void> => {
      await answer(api.DELETE("/exits/denials/{denial}", { params: { path: { denial: denial.id } } }));
      await renew();
    },
  };
}

/** The same once more, for as long as it would still have lasted. */
export function again({ range, reason, expires_at }: Denial, now: number = Date.now()): NewDenial {
  const left = expires_at === null ? null : Math.max(1, (Date.parse(expires_at) - now) / 1000);
  return { range, reason, expires_seconds: left };
}
