/** Links for tests; each test says what it is about and leaves the rest. */
import type { Link } from "@/api/links";
import { NETWORK } from "./documents";

export function link(a: string, b: string, about: Partial<Link> = {}): Link {
  return {
    network_id: NETWORK,
    a,
    b,
    path: "direct",
    via: [],
    relay: "",
    rtt_ms: 10,
    jitter_ms: 1,
    loss: 0,
    received_bytes_per_second: 100,
    sent_bytes_per_second: 50,
    mtu: 1432,
    cipher: "AESGCM",
    since: "2026-01-01T00:00:00.000Z",
    handshake_at: "2026-01-01T00:00:00.000Z",
    reason: "first path",
    why: "",
    score: 90,
    reported_by: a,
    reported_at: "2026-01-01T00:00:00.000Z",
    ends: { a: null, b: null },
    ...about,
  };
}
