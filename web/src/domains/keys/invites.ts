/** The invites to a network, and whether each is still good. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { all, answer, api } from "@/api/client";
import type { Invite } from "@/api/documents";
import type { components } from "@/api/schema";

export type NewInvite = components["schemas"]["InviteRequest"];
export type InviteState = "good" | "used" | "expired" | "revoked";

const LIMIT = 500;
const keyOf = (network: string) => ["invites", network] as const;

export function useInvites(network: string) {
  return useQuery({
    queryKey: keyOf(network),
    queryFn: () =>
      all((cursor) =>
        api.GET("/networks/{network}/invites", { params: { path: { network }, query: { cursor, limit: LIMIT } } }),
      ),
  });
}

export function useInviteActions(network: string) {
  const cache = useQueryClient();
  const renew = useCallback(() => cache.invalidateQueries({ queryKey: keyOf(network) }), [cache, network]);
  const create = async (body: NewInvite, repeatKey: string): Promise<Invite> => {
    const made = await answer(
      api.POST("/networks/{network}/invites", {
        params: { path: { network }, header: { "Idempotency-Key": repeatKey } },
        body,
      }),
    );
    void renew();
    return made;
  };
  const revoke = async (invite: Invite): Promise<void> => {
    const path = { network, invite: invite.id };
    await answer(api.DELETE("/networks/{network}/invites/{invite}", { params: { path } }));
    await renew();
  };
  return { create, revoke, renew };
}

export function stateOf(invite: Invite, now: number): InviteState {
  if (invite.is_revoked) return "revoked";
  if (invite.uses_left === 0) return "used";
  return Date.parse(invite.expires_at) <= now ? "expired" : "good";
}
