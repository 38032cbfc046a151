import { expect, test } from "vitest";
import { isStraightTcp } from "@/api/links";
import { link } from "@/test/links";
import { appended, type Course } from "./course";
import { whyKey } from "./reason";

const course = (time: number[]): Course => ({
  time,
  rtt_ms: time.map(() => 1),
  jitter_ms: time.map(() => 1),
  loss: time.map(() => 0),
  received: time.map(() => 0),
  sent: time.map(() => 0),
});
const at = (seconds: number) => link("a", "b", { reported_at: new Date(seconds * 1000).toISOString() });

test("a course grows at its end and ends at its begin", () => {
  const next = appended(course([100, 101, 102]), at(103), 2.5, 103);
  expect(next.time).toEqual([101, 102, 103]);
  expect(next.rtt_ms).toEqual([1, 1, 10]);
});

test("what was told already is not told again, and time does not run back", () => {
  expect(appended(course([100, 101]), at(101), 60, 102).time).toEqual([100, 101]);
  expect(appended(course([100, 101]), at(99), 60, 102).time).toEqual([100, 101]);
});

test("silence is a gap and not a line", () => {
  const next = appended(course([100]), at(200), 600, 200);
  expect(next.time).toEqual([100, 101, 200]);
  expect(next.rtt_ms).toEqual([1, null, 10]);
});

test("a course of which nothing is left is empty", () => {
  expect(appended(course([1, 2]), null, 60, 1000).time).toEqual([]);
});

test("TCP from one to the other is told from TCP to a relay", () => {
  expect(isStraightTcp(link("a", "b", { path: "tcp" }))).toBe(true);
  expect(isStraightTcp(link("a", "b", { path: "tcp", relay: "fra" }))).toBe(false);
  expect(isStraightTcp({ path: "tcp", via: ["fra"] })).toBe(false);
  expect(isStraightTcp(link("a", "b"))).toBe(false);
});

test.each([
  ["bob is reached directly, through its NAT and this machine's NAT, at 5.10.2.1:9993.", "directNat"],
  ["bob is reached directly, by IPv6, where no NAT is in the way, at [fd00::1]:9993.", "directIpv6"],
  ["bob is reached directly, without a NAT in between, at 10.0.0.1:9993.", "directPlain"],
  ["bob is reached directly, through a port that its gateway maps to it, at 5.1.1.1:1.", "directMapped"],
  ["bob is reached directly, although its NAT uses another port for each destination: the right port was found.", "directGuessed"],
  ["bob is reached through the relay r1, which does better than the direct path at present.", "better"],
  ["bob is reached through the relay r1, while a direct path is being looked for.", "looking"],
  [
    "bob is reached through a relay, because the NATs of both ends use another port for each destination, so neither can be told where to send to.",
    "bothHard",
  ],
  [
    "bob is reached through a relay, because the NAT of bob uses another port for each destination, drawn at random, and this machine's NAT lets in only ports it has sent to.",
    "oneHard",
  ],
  ["bob is reached through a relay, because the network of this machine lets no UDP out.", "udpBlocked"],
  ["bob is reached through its TCP port 5.1.1.1:443, because the network of this machine lets no UDP out.", "udpBlocked"],
  ["bob is reached through this machine's TCP port, while a direct path is being looked for.", "looking"],
  ["bob is not reached, because it has shut down.", "shutDown"],
  ["bob is not reached, because this machine has IPv4 only and bob has IPv6 only.", "noFamily"],
  ["bob is not reached, because checks found no way: no pair of addresses carried datagrams both ways.", "checksFailed"],
  ["bob is not reached yet: keys are being agreed on it.", "handshaking"],
  ["A sentence of a later version.", null],
])("agents' sentence %j", (sentence, key) => {
  expect(whyKey(sentence)).toBe(key);
});
