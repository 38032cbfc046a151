/**
 * The last hour of a network's numbers: what the controller kept, and after it what this browser saw, in the same steps.
 * They are kept while the dashboard is open, also over other pages; of a time in which nobody looked there is a gap.
 */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useReducer, useRef } from "react";
import { answer, api } from "@/api/client";
import type { components } from "@/api/schema";
import type { Summary } from "./summary";

type Course = components["schemas"]["CourseDocument"];

const STEP_MILLISECONDS = 10_000;
/** How often the newest sample is renewed; it stands for the step that is not over yet. */
const EVERY_MILLISECONDS = 2000;
const KEPT = 360;

export interface Sample extends Pick<Summary, "online" | "links" | "direct" | "medianRttMs" | "bytesPerSecond"> {
  /** Unix milliseconds. */
  at: number;
}

const kept = new Map<string, Sample[]>();

export function useSamples(network: string, summary: Summary): readonly Sample[] {
  const [count, renew] = useReducer((times: number) => times + 1, 0);
  const newest = useRef(summary);
  const before = useCourse(network);
  useEffect(() => {
    newest.current = summary;
  });
  useEffect(() => {
    const take = () => {
      if (document.visibilityState === "hidden") return;
      kept.set(network, withSample(kept.get(network) ?? [], { ...newest.current, at: Date.now() }));
      renew();
    };
    take();
    const timer = setInterval(take, EVERY_MILLISECONDS);
    return () => clearInterval(timer);
  }, [network]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `count` says that `kept` has another content
  return useMemo(() => joined(before, kept.get(network) ?? []), [before, network, count]);
}

/** What the controller kept, as of when the page was opened. */
function useCourse(network: string): Course | undefined {
  return useQuery({
    queryKey: ["course", network],
    refetchOnMount: "always",
    queryFn: () => answer(api.GET("/networks/{network}/course", { params: { path: { network } } })),
  }).data;
}

/** One sample for each step: the newest that was taken in it. */
export function withSample(known: readonly Sample[], next: Sample): Sample[] {
  const last = known.at(-1);
  const isSame = last !== undefined && stepOf(last.at) === stepOf(next.at);
  return [...(isSame ? known.slice(0, -1) : known), next].slice(-KEPT);
}

/** By step: where both know something, what this browser saw is newer. */
export function joined(course: Course | undefined, own: readonly Sample[]): Sample[] {
  const samples = new Map<number, Sample>();
  course?.time.forEach((time, place) => {
    const sample = {
      at: time * 1000,
      online: course.online[place] ?? 0,
      links: course.links[place] ?? 0,
      direct: course.direct[place] ?? 0,
      medianRttMs: course.rtt_ms[place] ?? null,
      bytesPerSecond: course.links[place] ? (course.bytes_per_second[place] ?? null) : null,
    };
    samples.set(stepOf(sample.at), sample);
  });
  for (const sample of own) samples.set(stepOf(sample.at), sample);
  return [...samples.values()].sort((one, other) => one.at - other.at).slice(-KEPT);
}

function stepOf(at: number): number {
  return Math.floor(at / STEP_MILLISECONDS);
}
