/** Whether the controller has its first user; undefined: it does not say. */
import { useHealth } from "@/api/queries";

export function useIsClaimed(): boolean | undefined {
  const health = useHealth().data as { has_users?: unknown } | undefined;
  return typeof health?.has_users === "boolean" ? health.has_users : undefined;
}
