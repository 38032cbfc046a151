/** Who may use the controller, and the changes to that. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import type { Role, User } from "@/api/documents";
import { put } from "@/api/queries";
import type { components } from "@/api/schema";

export type NewUser = components["schemas"]["NewUserRequest"];
export type UserChange = components["schemas"]["UserChange"];

export const ROLES: readonly Role[] = ["owner", "admin", "operator", "auditor", "user"];
export const PASSWORD_LEAST = 10;
export const PASSWORD_MOST = 256;

const LIMIT = 500;
const KEY = ["users"] as const;

export function useUsers() {
  return useQuery({
    queryKey: KEY,
    queryFn: () => all((cursor) => api.GET("/users", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useUserActions() {
  const cache = useQueryClient();
  const show = (user: User) =>
    cache.setQueryData<User[]>(KEY, (known) => known && put(known, user, (one) => one.id));
  return {
    create: async (body: NewUser, repeatKey: string): Promise<User> => {
      const made = await answer(api.POST("/users", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      show(made);
      return made;
    },
    change: async (user: User, body: UserChange): Promise<void> => {
      show(await answer(api.PATCH("/users/{user}", { params: { path: { user: user.id } }, body })));
    },
    removeSecondFactor: async (user: User): Promise<void> => {
      await answer(api.DELETE("/users/{user}/second-factor", { params: { path: { user: user.id } } }));
    },
    remove: async (user: User): Promise<void> => {
      await answer(api.DELETE("/users/{user}", { params: { path: { user: user.id } } }));
      cache.setQueryData<User[]>(KEY, (known) => known?.filter((one) => one.id !== user.id));
    },
  };
}

/** The roles that somebody may give and take: an owner all of them, an admin those below its own. */
export function rolesBelow(role: Role | undefined): Role[] {
  if (role === "owner") return [...ROLES];
  if (role === undefined) return [];
  return ROLES.slice(ROLES.indexOf(role) + 1);
}
