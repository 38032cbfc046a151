/** Documents of the API for tests; each test says what it is about and leaves the rest. */
import type { Invite, Member, Network } from "@/api/documents";

export const NETWORK = "abcdefgh";

export function network(about: Partial<Network> = {}): Network {
  return {
    id: NETWORK,
    name: "home",
    ipv4: "10.9.0.0/24",
    ipv6: "fd00:9::/64",
    mtu: 1400,
    approval: "automatic",
    psk_mode: "managed",
    flow_log: false,
    revision: 7,
    members: 1,
    pending: 0,
    created_at: "2026-01-01T00:00:00Z",
    ...about,
  };
}

export function member(about: Partial<Member> = {}): Member {
  return {
    id: "node1",
    network: NETWORK,
    name: "laptop",
    state: "approved",
    mac: "02:00:00:00:00:01",
    addresses: ["10.9.0.1"],
    capabilities: [],
    is_bridge: false,
    version: "0.1.0",
    plane: null,
    nat_mapping: null,
    nat_ports: null,
    tags: [],
    is_ephemeral: false,
    created_at: "2026-01-01T00:00:00Z",
    last_seen_at: "2026-01-02T00:00:00Z",
    is_online: false,
    source: null,
    rtt_ms: null,
    subnets: [],
    ...about,
  };
}

export function invite(about: Partial<Invite> = {}): Invite {
  return {
    id: "key1",
    network: NETWORK,
    uses: 1,
    uses_left: 1,
    approval: "automatic",
    created_by: "user:anna",
    created_at: "2026-01-01T00:00:00Z",
    expires_at: "2999-01-01T00:00:00Z",
    is_revoked: false,
    tags: [],
    is_ephemeral: false,
    join_url: null,
    ...about,
  };
}

export function page<Item>(items: Item[], next: string | null = null): { items: Item[]; next_cursor: string | null } {
  return { items, next_cursor: next };
}
