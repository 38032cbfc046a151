/** Streams that are over: who went where by which exit, and who it was that left from an address at a moment. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { components } from "@/api/schema";

export type PastStream = components["schemas"]["StreamDocument"];

/** Both empty: all of them. */
export interface Question {
  /** As websites saw it. */
  exitAddress: string;
  /** As a field for time and date has it, in the time of this browser. */
  at: string;
}

const LIMIT = 50;

export function usePastStreams({ exitAddress, at }: Question) {
  return useInfiniteQuery({
    queryKey: ["exits", "streams", exitAddress, at],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => {
      const query = {
        limit: LIMIT,
        cursor: pageParam,
        exit_address: exitAddress || undefined,
        at: secondsOf(at),
      };
      return answer(api.GET("/exits/streams", { params: { query } }));
    },
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** Unix seconds of what a field for time and date has; undefined: it is empty. */
export function secondsOf(at: string): number | undefined {
  const milliseconds = Date.parse(at);
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds / 1000) : undefined;
}
