/**
 * The last minutes of a network's numbers, as this browser saw them: one sample each `EVERY_MILLISECONDS` while the page
 * is shown. They are kept while the dashboard is open, also over other pages.
 */
import { useEffect, useReducer, useRef } from "react";
import type { Summary } from "./summary";

const EVERY_MILLISECONDS = 2000;
const KEPT = 150;

export interface Sample extends Summary {
  /** Unix milliseconds. */
  at: number;
}

const kept = new Map<string, Sample[]>();

export function useSamples(network: string, summary: Summary): readonly Sample[] {
  const [, renew] = useReducer((count: number) => count + 1, 0);
  const newest = useRef(summary);
  useEffect(() => {
    newest.current = summary;
  });
  useEffect(() => {
    const take = () => {
      if (document.visibilityState === "hidden") return;
      kept.set(network, [...(kept.get(network) ?? []), { ...newest.current, at: Date.now() }].slice(-KEPT));
      renew();
    };
    take();
    const timer = setInterval(take, EVERY_MILLISECONDS);
    return () => clearInterval(timer);
  }, [network]);
  return kept.get(network) ?? [];
}
