/** Links as the API tells them; one for each unordered pair, `a` before `b`. */
export type PathType = "direct" | "peer" | "relay" | "tcp" | "none";

export interface LinkEnd {
  path: string;
  via?: string[];
  rtt_ms: number | null;
  jitter_ms?: number | null;
  loss: number | null;
  received_bytes_per_second?: number | null;
  sent_bytes_per_second?: number | null;
  mtu?: number | null;
  cipher?: string | null;
  since?: string | null;
  reason?: string | null;
  score?: number | null;
  reported_at?: string | null;
}

export interface Link {
  network_id: string;
  a: string;
  b: string;
  path: string;
  via: string[];
  rtt_ms: number | null;
  jitter_ms: number | null;
  loss: number | null;
  received_bytes_per_second: number | null;
  sent_bytes_per_second: number | null;
  mtu: number | null;
  cipher: string | null;
  since: string | null;
  reason: string | null;
  score: number | null;
  reported_by: string | null;
  reported_at: string | null;
  ends?: { a?: LinkEnd | null; b?: LinkEnd | null };
}

/** Columns of equal length; `time` is in Unix seconds, null is a gap. */
export interface LinkHistory {
  time: number[];
  rtt_ms: (number | null)[];
  jitter_ms: (number | null)[];
  loss: (number | null)[];
  received: (number | null)[];
  sent: (number | null)[];
}

const KNOWN: readonly string[] = ["direct", "peer", "relay", "tcp", "none"];

/** The path's type; one that is not known here is shown as "unknown", never an error. */
export function pathType(path: string): PathType | "unknown" {
  return KNOWN.includes(path) ? (path as PathType) : "unknown";
}

export function linkKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
