import { expect, test } from "vitest";
import { member } from "@/test/documents";
import { link } from "@/test/links";
import { compareVersions, concernsOf } from "./attention";
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

test("versions are compared by their numbers", () => {
  expect(compareVersions("0.10.0", "0.9.9")).toBeGreaterThan(0);
  expect(compareVersions("1.0", "1.0.0")).toBe(0);
  expect(compareVersions("", "0.1")).toBeLessThan(0);
});
