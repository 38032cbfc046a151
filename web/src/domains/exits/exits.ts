/**
 * Exits: who may use them and how much, the gateways and edges that carry it, and what is open at this moment. The live
 * connection says when something of it is other than it was.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type ExitUser = Schemas["ExitUserDocument"];
export type NewExitUser = Schemas["NewExitUserRequest"];
export type ExitUserChange = Schemas["ExitUserChange"];
export type ExitPackage = Schemas["PackageDocument"];
export type Gateway = Schemas["GatewayDocument"];
export type Edge = Schemas["EdgeDocument"];
export type ExitKey = Schemas["ExitKeyDocument"];

const LIMIT = 500;

const KEYS = {
  users: ["exits", "users"] as const,
  packages: ["exits", "packages"] as const,
  gateways: ["exits", "gateways"] as const,
  edges: ["exits", "edges"] as const,
  keys: ["exits", "keys"] as const,
  live: ["exits", "live"] as const,
};

export function useExitUsers() {
  return useQuery({
    queryKey: KEYS.users,
    queryFn: () => all((cursor) => api.GET("/exits/users", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function usePackages() {
  return useQuery({
    queryKey: KEYS.packages,
    queryFn: () => all((cursor) => api.GET("/exits/packages", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useGateways() {
  return useQuery({
    queryKey: KEYS.gateways,
    queryFn: () => all((cursor) => api.GET("/exits/gateways", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

export function useEdges() {
  return useQuery({
    queryKey: KEYS.edges,
    queryFn: () => all((cursor) => api.GET("/exits/edges", { params: { query: { cursor, limit: LIMIT } } })),
  });
}

/** Keys in tokens that are still good. */
export function useExitKeys() {
  return useQuery({ queryKey: KEYS.keys, queryFn: async () => (await answer(api.GET("/exits/keys"))).items });
}

export function useLiveStreams() {
  return useQuery({
    queryKey: KEYS.live,
    queryFn: async () => (await answer(api.GET("/exits/live"))).gateways,
  });
}

export function useExitActions() {
  const cache = useQueryClient();
  const renew = (key: readonly string[]) => cache.invalidateQueries({ queryKey: key });
  return {
    createUser: async (body: NewExitUser, repeatKey: string): Promise<void> => {
      await answer(api.POST("/exits/users", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      await renew(KEYS.users);
    },
    changeUser: async (user: string, body: ExitUserChange): Promise<void> => {
      await answer(api.PATCH("/exits/users/{user}", { params: { path: { user } }, body }));
      await renew(KEYS.users);
    },
    removeUser: async (user: string): Promise<void> => {
      await answer(api.DELETE("/exits/users/{user}", { params: { path: { user } } }));
      await renew(KEYS.users);
    },
    kickUser: async (user: string): Promise<void> => {
      await answer(api.POST("/exits/users/{user}/kick", { params: { path: { user } } }));
      await Promise.all([renew(KEYS.users), renew(KEYS.live)]);
    },
    createPackage: async (body: Schemas["NewPackageRequest"], repeatKey: string): Promise<void> => {
      await answer(api.POST("/exits/packages", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      await renew(KEYS.packages);
    },
    removePackage: async (name: string): Promise<void> => {
      await answer(api.DELETE("/exits/packages/{package}", { params: { path: { package: name } } }));
      await renew(KEYS.packages);
    },
    drainGateway: async (gateway: string, is_draining: boolean): Promise<void> => {
      await answer(api.PATCH("/exits/gateways/{gateway}", { params: { path: { gateway } }, body: { is_draining } }));
      await renew(KEYS.gateways);
    },
    denyEdge: async (edge: string, is_denied: boolean): Promise<void> => {
      await answer(api.PATCH("/exits/edges/{edge}", { params: { path: { edge } }, body: { is_denied } }));
      await renew(KEYS.edges);
    },
    removeGateway: async (gateway: string): Promise<void> => {
      await answer(api.DELETE("/exits/gateways/{gateway}", { params: { path: { gateway } } }));
      await renew(KEYS.gateways);
    },
    removeEdge: async (edge: string): Promise<void> => {
      await answer(api.DELETE("/exits/edges/{edge}", { params: { path: { edge } } }));
      await renew(KEYS.edges);
    },
    /** Ends its tunnels and streams; it may come again. */
    kickEdge: async (edge: string): Promise<void> => {
      await answer(api.POST("/exits/edges/{edge}/kick", { params: { path: { edge } } }));
      await Promise.all([renew(KEYS.edges), renew(KEYS.live)]);
    },
    createKey: async (body: Schemas["NewExitKeyRequest"], repeatKey: string): Promise<ExitKey> => {
      const made = await answer(api.POST("/exits/keys", { params: { header: { "Idempotency-Key": repeatKey } }, body }));
      await renew(KEYS.keys);
      return made;
    },
    removeKey: async (key: ExitKey): Promise<void> => {
      await answer(api.DELETE("/exits/keys/{key}", { params: { path: { key: key.id } } }));
      await renew(KEYS.keys);
    },
  };
}
