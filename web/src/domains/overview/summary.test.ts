import { expect, test } from "vitest";
import { invite, member } from "@/test/documents";
import { link } from "@/test/links";
import { compareVersions, concernsOf, runsOutSoon } from "./attention";
import { healthOf, summarize } from "./summary";

const online = (id: string, about = {}) => member({ id, name: id, is_online: true, ...about });
const NOW = Date.parse("2026-01-02T00:10:00Z");

test("links of members who are away count for nothing", () => {
  const members = [online("a"), online("b"), member({ id: "c" })];
  const links = [link("a", "b"), link("a", "c", { path: "none", rtt_ms: null })];
  const summary = summarize(members, links);
  expect(summary).toMatchObject({ members: 3, online: 2, links: 1, direct: 1, down: 0, bytesPerSecond: 150 });
  expect(healthOf(summary)).toBe("away");
});

test("health is the worst that is true", () => {
  const members = [online("a"), online("b")];
  expect(healthOf(summarize(members, [link("a", "b")]))).toBe("good");
  expect(healthOf(summarize(members, [link("a", "b", { path: "relay" })]))).toBe("relayed");
  expect(healthOf(summarize(members, [link("a", "b", { path: "none" })]))).toBe("down");
  expect(healthOf(summarize([], []))).toBe("empty");
  expect(healthOf(summarize([member({ state: "pending" })], []))).toBe("waiting");
});

test("the median needs a measurement", () => {
  const members = [online("a"), online("b"), online("c")];
  const links = [link("a", "b", { rtt_ms: 30 }), link("a", "c", { rtt_ms: null }), link("b", "c", { rtt_ms: 10 })];
  expect(summarize(members, links).medianRttMs).toBe(30);
  expect(summarize(members, []).medianRttMs).toBeNull();
});

test("what needs attention is listed, the worst first", () => {
  const members = [
    online("a", { version: "0.2.0" }),
    online("b", { version: "0.10.0" }),
    member({ id: "c", version: "0.10.0", last_seen_at: "2026-01-02T00:00:00Z" }),
    member({ id: "d", state: "pending" }),
  ];
  const links = [link("a", "b", { path: "relay" })];
  const concerns = concernsOf({ members, links, pathChanges: new Map([["a b", 5]]), now: NOW });
  expect(concerns.map((concern) => concern.kind)).toEqual(["pending", "away", "flapping", "relayed", "old"]);
});

test("a member that was just seen is not away", () => {
  const members = [member({ id: "c", last_seen_at: "2026-01-02T00:09:30Z" })];
  expect(concernsOf({ members, links: [], pathChanges: new Map(), now: NOW })).toEqual([]);
});

test("who is not signed, keys that end, webhooks that fail and the controller's version are in it", () => {
  const ending = { created_at: "2025-12-25T00:00:00Z", expires_at: "2026-01-03T00:00:00Z" };
  const token = { ...ending, id: "t", user: "u", name: "backup", scopes: [], created_by: "u", used_at: null, token: null };
  const webhook = {
    id: "w",
    url: "https://a.example/",
    kinds: ["*"],
    is_enabled: true,
    created_by: "u",
    created_at: "2026-01-01T00:00:00Z",
    last_at: "2026-01-01T00:00:00Z",
    last_outcome: "the receiver answered 500",
    waiting: 1,
    dropped: 0,
    secret: null,
  };
  const concerns = concernsOf({
    members: [online("a", { version: "0.2.0" })],
    links: [],
    pathChanges: new Map(),
    now: NOW,
    version: "0.3.0",
    unsigned: new Set(["a"]),
    invites: [invite(ending), invite({ ...ending, id: "used", uses_left: 0 })],
    tokens: [token],
    webhooks: [webhook, { ...webhook, last_outcome: "ok" }],
  });
  expect(concerns.map((concern) => concern.kind)).toEqual(["unsigned", "token", "invite", "webhook", "old"]);
});

test("what is made for a day is meant to run out", () => {
  const at = (days: number) => new Date(NOW + days * 86_400_000).toISOString();
  expect(runsOutSoon({ created_at: at(-0.9), expires_at: at(0.1) }, NOW)).toBe(false);
  expect(runsOutSoon({ created_at: at(-29), expires_at: at(1) }, NOW)).toBe(true);
  expect(runsOutSoon({ created_at: at(-340), expires_at: at(20) }, NOW)).toBe(false);
  expect(runsOutSoon({ created_at: at(-31), expires_at: at(-1) }, NOW)).toBe(false);
});

test("versions are compared by their numbers", () => {
  expect(compareVersions("0.10.0", "0.9.9")).toBeGreaterThan(0);
  expect(compareVersions("1.0", "1.0.0")).toBe(0);
  expect(compareVersions("", "0.1")).toBeLessThan(0);
});
