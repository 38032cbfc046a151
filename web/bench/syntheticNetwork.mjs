// A network that nobody runs, as the API would show it: for figures at sizes that no lab here has.
const KINDS = ["direct", "direct", "direct", "direct", "direct", "direct", "peer", "relay", "relay", "tcp", "none"];
const REASONS = {
  direct: ["a direct path was proven", "bob is reached directly, through its NAT and this machine's NAT, at 203.0.113.7:9993."],
  peer: ["better for 3 seconds", "bob is reached through the member hub, which does better than the direct path at present."],
  relay: [
    "first path",
    "bob is reached through the relay frankfurt-1, because the NATs of both ends use another port for each destination, so neither can be told where to send to.",
  ],
  tcp: ["first path", "bob is reached through the relay frankfurt-1, because the network of this machine lets no UDP out."],
  none: ["no path is left", ""],
};
const PLACES = ["berlin", "paris", "tokyo", "oslo", "lisbon", "seoul", "austin", "quito"];
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function nodeId(number) {
  let text = "";
  for (let place = 0; place < 16; place += 1) text += ALPHABET[(number * 7 + place * (number % 13) + place) % 32];
  return (ALPHABET[number % 32] + ALPHABET[(number >> 5) % 32] + text).slice(0, 16);
}

export const NETWORK = "aaaabbbb";

export function syntheticNetwork(count, linksOfEach = count, seed = 7) {
  const draw = random(seed);
  const now = Date.now();
  const ago = (seconds) => new Date(now - seconds * 1000).toISOString();
  const ids = [...new Set(Array.from({ length: count }, (_, number) => nodeId(number)))].sort();
  const members = ids.map((id, number) => ({
    id,
    network: NETWORK,
    name: `${PLACES[number % PLACES.length]}-${Math.floor(number / PLACES.length) + 1}`,
    state: number === 5 ? "pending" : "approved",
    mac: "02:00:00:00:00:01",
    addresses: [`10.77.${number >> 8}.${number & 255}`],
    capabilities: [],
    is_bridge: number % 11 === 3,
    version: number % 9 === 4 ? "0.0.9" : "0.1.0",
    tags: [PLACES[number % PLACES.length]],
    is_ephemeral: false,
    created_at: ago(86_400 * 12),
    last_seen_at: ago(number % 10 === 7 ? 7200 : 1),
    is_online: number % 10 !== 7 && number !== 5,
    source: "203.0.113.9",
    rtt_ms: 20,
    subnets: [],
  }));
  const links = [];
  for (let one = 0; one < ids.length; one += 1) {
    for (let step = 1; step <= Math.min(linksOfEach, ids.length - 1 - one); step += 1) {
      if (!members[one].is_online || !members[one + step].is_online) continue;
      const path = KINDS[Math.floor(draw() * (count > 30 ? KINDS.length * 6 : KINDS.length))] ?? "direct";
      links.push(link(ids[one], ids[one + step], path, draw, ago));
    }
  }
  return { members, links, network: networkDocument(count), events: events(ids, ago) };
}

function networkDocument(count) {
  return {
    id: NETWORK,
    name: "home",
    ipv4: "10.77.0.0/16",
    ipv6: null,
    mtu: 1400,
    approval: "manual",
    psk_mode: "managed",
    revision: 1,
    members: count,
    pending: 1,
    created_at: "2026-01-01T00:00:00Z",
  };
}

function link(a, b, path, draw, ago) {
  const [reason, why] = REASONS[path];
  const rtt = path === "none" ? null : 4 + draw() * 90;
  const end = {
    path,
    via: path === "peer" ? [a] : [],
    relay: path === "relay" || path === "tcp" ? "frankfurt-1" : "",
    state: path === "none" ? "unreachable" : "connected",
    rtt_ms: rtt,
    jitter_ms: rtt && rtt / 12,
    loss: path === "none" ? null : draw() < 0.8 ? 0 : draw() / 50,
    received_bytes_per_second: path === "none" ? 0 : 10 ** (draw() * 7),
    sent_bytes_per_second: path === "none" ? 0 : 10 ** (draw() * 6),
    mtu: path === "none" ? 0 : 1432,
    cipher: "ChaChaPoly",
    since: ago(draw() * 90_000),
    handshake_at: ago(draw() * 110),
    reason,
    why,
    score: rtt && 100 - rtt / 4,
    local_candidate: "srflx",
    remote_candidate: "host",
    reported_at: ago(0),
  };
  return { network_id: NETWORK, a, b, ...end, reported_by: a, ends: { a: end, b: draw() < 0.9 ? end : null } };
}

function events(ids, ago) {
  return Array.from({ length: 9 }, (_, number) => ({
    id: String(1000 - number),
    network_id: NETWORK,
    at: ago(20 + number * 140),
    kind: number % 3 === 1 ? "member.online" : "link.path",
    nodes: number % 3 === 1 ? [ids[number]] : [ids[number], ids[number + 1]],
    change:
      number % 3 === 1
        ? null
        : { at: ago(20), path: KINDS[number + 2] ?? "direct", before: "relay", via: [], reason: "a direct path was proven", reported_by: null },
  }));
}

export function syntheticHistory(seconds, step = 1, seed = 3) {
  const draw = random(seed);
  const end = Math.floor(Date.now() / 1000);
  const time = Array.from({ length: Math.floor(seconds / step) }, (_, place) => end - seconds + (place + 1) * step);
  const around = (base, spread) => time.map((at) => base + Math.sin(at / 300) * base * 0.15 + draw() * spread);
  return {
    time,
    rtt_ms: around(24, 5),
    jitter_ms: around(1.6, 1),
    loss: time.map(() => (draw() < 0.97 ? 0 : draw() / 20)),
    received: around(2_400_000, 900_000),
    sent: around(320_000, 90_000),
  };
}
