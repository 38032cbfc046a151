/** API tokens: for programs that act in a user's name, with less than what the user may. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import { mayRole, useSession } from "@/api/session";
import type { Role } from "@/api/documents";
import type { components } from "@/api/schema";

export type ApiToken = components["schemas"]["ApiTokenDocument"];
export type NewApiToken = components["schemas"]["NewTokenRequest"];

export interface ScopeArea {
  area: string;
  verbs: Verb[];
}

export const VERBS = ["read", "write"] as const;
export type Verb = (typeof VERBS)[number];

const LIMIT = 500;
const KEY = ["tokens"] as const;
/** One's own account is not for tokens. */
const NOT_FOR_TOKENS = "account";

export function useTokens() {
  return useQuery({
    queryKey: KEY,
    // When a token was used last, the live connection does not tell.
    refetchOnMount: "always",
    queryFn: () => all((cursor) => api.GET("/tokens", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useTokenActions() {
  const cache = useQueryClient();
  return {
    create: async (body: NewApiToken, repeatKey: string): Promise<ApiToken> => {
      const made = await answer(api.POST("/tokens", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      await cache.invalidateQueries({ queryKey: KEY });
      return made;
    },
    remove: async (token: ApiToken): Promise<void> => {
      await answer(api.DELETE("/tokens/{token}", { params: { path: { token: token.id } } }));
      cache.setQueryData<ApiToken[]>(KEY, (known) => known?.filter((one) => one.id !== token.id));
    },
  };
}

/** What a token of this user may be limited to, as the API's document has it. */
export function useScopeAreas() {
  const role = useSession().user?.role;
  return useQuery({
    queryKey: ["scopes", role],
    queryFn: async () => scopeAreas(await answer(api.GET("/openapi.json")), role),
  });
}

interface Operation {
  "x-zerogo-scope"?: string;
  "x-zerogo-role"?: Role;
}

/** The scopes that the operations of an API's document name, of those that a role may call. */
export function scopeAreas(document: unknown, role: Role | undefined): ScopeArea[] {
  const paths = (document as { paths?: Record<string, Record<string, Operation>> }).paths ?? {};
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const areas = new Map<string, Set<string>>();
  for (const operation of operations) {
    const [area, verb] = (operation["x-zerogo-scope"] ?? "").split(":");
    if (!area || !verb || area === NOT_FOR_TOKENS || !mayRole(role, operation["x-zerogo-role"] ?? "user")) continue;
    areas.set(area, (areas.get(area) ?? new Set()).add(verb));
  }
  return [...areas].map(([area, verbs]) => ({ area, verbs: VERBS.filter((verb) => verbs.has(verb)) }));
}
