/** The audit log, piece by piece from the newest line, and whether its chain of hashes holds. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { components } from "@/api/schema";

export type AuditLine = components["schemas"]["AuditDocument"];
export type AuditVerdict = components["schemas"]["AuditVerdict"];

const LIMIT = 100;

export function useAudit() {
  return useInfiniteQuery({
    queryKey: ["audit"],
    initialPageParam: undefined as string | undefined,
    // What was done since the page was seen last belongs at the top.
    refetchOnMount: "always",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/audit", { params: { query: { limit: LIMIT, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** Computes the whole chain anew; only when it is asked for. */
export function useAuditCheck() {
  return useQuery({
    queryKey: ["audit-check"],
    enabled: false,
    gcTime: 0,
    queryFn: () => answer(api.GET("/audit/check")),
  });
}

export interface AuditFilter {
  text: string;
  /** The first part of an action: what it is about. */
  subject: string | null;
}

/** What an action is about: `member` of `member.approve`. */
export function subjectOf(action: string): string {
  return action.split(".", 1)[0] ?? action;
}

/** Every word of the text is found somewhere in a line that is shown. */
export function filterLines(lines: AuditLine[], filter: AuditFilter): AuditLine[] {
  const words = filter.text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => {
    if (filter.subject !== null && subjectOf(line.action) !== filter.subject) return false;
    const text = [line.actor, line.action, line.network, line.subject, line.detail].join("\n").toLocaleLowerCase();
    return words.every((word) => text.includes(word));
  });
}
