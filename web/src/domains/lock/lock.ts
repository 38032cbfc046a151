/**
 * The network lock: whether there is one, and whose keys it has signed (docs/LOCK.md). Its key is the owner's, on a
 * machine of theirs; nothing here asks for it, so all that is done with it is done on a command line.
 */
import { useQuery } from "@tanstack/react-query";
import { all, answer, api } from "@/api/client";
import type { components } from "@/api/schema";
import { base32 } from "@/components/networkSecret";

type Schemas = components["schemas"];
export type Lock = Schemas["LockDocument"];
export type LockedMember = Schemas["LockedMemberDocument"];

const LIMIT = 500;
const keyOf = (network: string) => ["lock", network] as const;

export function useLock(network: string) {
  return useQuery({
    queryKey: keyOf(network),
    enabled: network !== "",
    queryFn: () => answer(api.GET("/networks/{network}/lock", { params: { path: { network } } })),
  });
}

export function useLockedMembers(network: string, isWanted = true) {
  return useQuery({
    queryKey: [...keyOf(network), "members"],
    enabled: isWanted && network !== "",
    queryFn: () =>
      all((cursor) =>
        api.GET("/networks/{network}/lock/members", { params: { path: { network }, query: { cursor, limit: LIMIT } } }),
      ),
  });
}

/** Members that nobody takes for one, because the lock has not signed them. */
export function unsigned(members: readonly LockedMember[]): LockedMember[] {
  return members.filter((one) => one.state === "approved" && !one.is_signed);
}

/** A lock's public key as `zerogo status` shows its beginning. */
export function keyText(key: string): string {
  return base32(Uint8Array.from(atob(key), (character) => character.charCodeAt(0)));
}

/** By ids: a name may hold what a shell takes for something else. */
export function signCommand(network: string, members: readonly LockedMember[]): string {
  return `zerogo lock sign --network ${network} ${members.map((one) => one.id).join(" ")}`;
}

export function loginCommand(): string {
  return `zerogo login '${new URL(".", document.baseURI).href.replace(/\/$/, "")}'`;
}
