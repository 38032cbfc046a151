/**
 * The log of what members decided by the policy, piece by piece from the newest row. Its rows are not pushed: they are read
 * when the page is opened, and when somebody asks.
 */
import { useInfiniteQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { useSession } from "@/api/session";
import type { components } from "@/api/schema";

export type Flows = components["schemas"]["FlowsDocument"];

export const OUTCOMES = ["refused", "opened"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Seconds back from the moment of asking. */
const PERIODS = { hour: 3600, day: 86_400, week: 604_800 };
export type Period = keyof typeof PERIODS;
export const PERIOD_NAMES = Object.keys(PERIODS) as Period[];

const LIMIT = 100;
const PORT_MOST = 65_535;

export interface FlowFilter {
  /** Node id, at either end. */
  member: string | null;
  outcome: Outcome | null;
  /** Name or number, as the log has it. */
  protocol: string | null;
  port: number | null;
  period: Period | null;
}

/** Whether who is logged in may read the log: as the audit log, not by operators. */
export function useMayReadFlows(): boolean {
  const role = useSession().user?.role;
  return role === "auditor" || role === "admin" || role === "owner";
}

export function readFlowFilter(search: URLSearchParams): FlowFilter {
  const port = search.get("port");
  return {
    member: search.get("member"),
    outcome: OUTCOMES.find((one) => one === search.get("outcome")) ?? null,
    protocol: search.get("protocol"),
    port: port !== null && /^\d{1,5}$/.test(port) && Number(port) <= PORT_MOST ? Number(port) : null,
    period: PERIOD_NAMES.find((one) => one === search.get("since")) ?? null,
  };
}

export function writeFlowFilter({ member, outcome, protocol, port, period }: FlowFilter): Record<string, string> {
  return {
    ...(member !== null && { member }),
    ...(outcome !== null && { outcome }),
    ...(protocol !== null && { protocol }),
    ...(port !== null && { port: String(port) }),
    ...(period !== null && { since: period }),
  };
}

export function useFlows(network: string, filter: FlowFilter) {
  return useInfiniteQuery({
    queryKey: ["flows", network, filter],
    initialPageParam: undefined as string | undefined,
    refetchOnMount: "always",
    queryFn: ({ pageParam }) => {
      const { member, outcome, protocol, port, period } = filter;
      const query = {
        limit: LIMIT,
        cursor: pageParam,
        ...(member !== null && { member }),
        ...(outcome !== null && { outcome }),
        ...(protocol !== null && { protocol }),
        ...(port !== null && { port }),
        ...(period !== null && { since: Math.floor(Date.now() / 1000) - PERIODS[period] }),
      };
      return answer(api.GET("/networks/{network}/flows", { params: { path: { network }, query } }));
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** Node ids of who sent and who was sent to; null: several others. */
export function endsOf({ reported_by, peer, direction }: Flows): { from: string | null; to: string | null } {
  return direction === "out" ? { from: reported_by, to: peer } : { from: peer, to: reported_by };
}
