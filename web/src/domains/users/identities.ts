/** Who a user is at the provider of accounts, where the controller has one. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { User } from "@/api/documents";
import { Problem } from "@/api/problem";
import type { components } from "@/api/schema";

export type Identity = components["schemas"]["IdentityDocument"];

const keyOf = (user: User) => ["users", "identity", user.id] as const;

/** null: the user is not linked. */
export function useIdentity(user: User) {
  return useQuery({
    queryKey: keyOf(user),
    staleTime: 0,
    queryFn: async (): Promise<Identity | null> => {
      try {
        return await answer(api.GET("/users/{user}/identity", { params: { path: { user: user.id } } }));
      } catch (error) {
        if (Problem.ofUnknown(error).status === 404) return null;
        throw error;
      }
    },
  });
}

export function useIdentityActions(user: User) {
  const cache = useQueryClient();
  const path = { user: user.id };
  return {
    link: async (subject: string): Promise<void> => {
      const made = await answer(api.PUT("/users/{user}/identity", { params: { path }, body: { subject } }));
      cache.setQueryData(keyOf(user), made);
    },
    unlink: async (): Promise<void> => {
      await answer(api.DELETE("/users/{user}/identity", { params: { path } }));
      cache.setQueryData(keyOf(user), null);
    },
  };
}
