/** Whether the controller has its first user; undefined: it was not told yet. */
import { useHealth } from "@/api/queries";

export function useIsClaimed(): boolean | undefined {
  return useHealth().data?.has_users;
}
