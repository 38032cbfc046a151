/** Links as the API tells them; one for each unordered pair, `a` before `b`. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Link = Schemas["LinkDocument"];
export type LinkEnd = Schemas["LinkEnd"];
/** Columns of equal length; `time` is in Unix seconds, null is a gap. */
export type LinkHistory = Schemas["HistoryDocument"];
export type PathChange = Schemas["PathChangeDocument"];
export type NetworkEvent = Schemas["EventDocument"];

export type PathType = "direct" | "peer" | "relay" | "tcp" | "none";

const KNOWN: readonly string[] = ["direct", "peer", "relay", "tcp", "none"];

/** The path's type; one that is not known here is shown as "unknown", never an error. */
export function pathType(path: string): PathType | "unknown" {
  return KNOWN.includes(path) ? (path as PathType) : "unknown";
}

/** Whether it is a TCP connection from one to the other, without a relay; `tcp` is said of both. */
export function isStraightTcp({ path, relay = "", via }: { path: string; relay?: string; via: readonly string[] }): boolean {
  return pathType(path) === "tcp" && relay === "" && via.length === 0;
}

export function linkKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** Bytes a second, both directions. */
export function throughput(link: Link): number {
  return link.received_bytes_per_second + link.sent_bytes_per_second;
}
