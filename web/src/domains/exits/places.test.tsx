import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import { readChoices } from "./choices";
import { again, type Denial } from "./denials";
import ExitsPage from "./ExitsPage";
import type { Edge, ExitKey } from "./exits";
import { secondsOf } from "./pastStreams";

const DENIAL: Denial = {
  id: "denial1",
  range: "192.0.2.0/24",
  reason: "scans",
  created_by: "user:anna",
  created_at: "2026-01-01T00:00:00Z",
  expires_at: null,
};
const STREAM = {
  number: 7,
  gateway: "gateway1",
  user: "alice",
  source: "198.51.100.7",
  edge: "edge1",
  exit_address: "203.0.113.9",
  target: "example.com:443",
  command: "connect",
  ended_at: "2026-03-01T12:00:00Z",
  seconds: 4,
  up: 1,
  down: 2,
  reason: "closed",
};

const EDGE: Edge = {
  id: "edge1",
  name: "berlin",
  country: "de",
  region: "",
  city: "",
  asn: 0,
  address: "203.0.113.9",
  version: "0.1.0",
  is_online: true,
  gateways: ["gateway1"],
  is_denied: false,
  consent_at: null,
  discrepancy_bytes: 0,
  created_at: "2026-01-01T00:00:00Z",
  last_seen_at: "2026-01-01T00:00:00Z",
};

let denials: Denial[];
let keys: ExitKey[];

beforeEach(() => {
  denials = [];
  keys = [];
  loggedInAs("operator");
  answering({
    "GET /exits/gateways": () => page([]),
    "GET /exits/edges": () => page<Edge>([]),
    "GET /exits/keys": () => ({ items: keys }),
    "GET /exits/live": () => ({ gateways: {} }),
    "GET /exits/denials": () => page(denials),
    "POST /exits/denials": () => {
      denials = [DENIAL];
      return DENIAL;
    },
    "DELETE /exits/denials/{denial}": () => {
      denials = [];
      return null;
    },
  });
});

const show = (tab: string) => renderPage(<ExitsPage />, "/exits", `/exits?show=${tab}`);

test("addresses are kept out for a while, and let in again, which can be undone", async () => {
  await show("places");
  fill(await screen.findByLabelText("Addresses"), " 192.0.2.0/24 ");
  fill(screen.getByLabelText("Why"), "scans");
  await user.click(screen.getByRole("button", { name: "Keep out" }));
  expect(await screen.findByText("192.0.2.0/24")).toBeVisible();
  expect(askedFor("POST /exits/denials")[0]?.body).toEqual({
    range: "192.0.2.0/24",
    reason: "scans",
    expires_seconds: 604_800,
  });
  await user.click(await screen.findByRole("button", { name: "Let 192.0.2.0/24 in again" }));
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await expect.poll(() => askedFor("POST /exits/denials").length).toBe(2);
  expect(askedFor("POST /exits/denials")[1]?.body).toMatchObject({ range: "192.0.2.0/24", expires_seconds: null });
});

test("a range that the API refuses stays typed, and why is said", async () => {
  answering({ "POST /exits/denials": () => new Refusal(422, "invalid", "192.0.2.999 is no address") });
  await show("places");
  fill(await screen.findByLabelText("Addresses"), "192.0.2.999");
  await user.click(screen.getByRole("button", { name: "Keep out" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("192.0.2.999 is no address");
  expect(screen.getByLabelText("Addresses")).toHaveValue("192.0.2.999");
});

test("what is let in again by undoing lasts as long as it would have", () => {
  const expires_at = "2026-01-01T01:00:00Z";
  expect(again({ ...DENIAL, expires_at }, Date.parse("2026-01-01T00:30:00Z")).expires_seconds).toBe(1800);
  expect(again(DENIAL).expires_seconds).toBeNull();
});

test("which edge would be taken is told with what was left out", async () => {
  const candidates = [{ edge: "edge1", name: "berlin", cost: 1, rtt_ms: 12, streams: 0 }];
  const document = { policy: "p2c", chosen: "edge1", fitting: 1, excluded: { country: 3, later: 2 }, candidates };
  // The API's document leaves open what gateways say.
  const gateways = { gateway1: document } as unknown as Record<string, never>;
  answering({ "GET /exits/select/explain": () => ({ gateways }) });
  await show("places");
  fill(await screen.findByLabelText("User name of a client"), "alice-country-de");
  await user.click(screen.getByRole("button", { name: "Explain" }));
  expect(await screen.findByText(/gateway1.* would take .*berlin/)).toBeVisible();
  expect(screen.getByText("3 edges in another country")).toBeVisible();
  expect(screen.getByText("later: 2")).toBeVisible();
  expect(askedFor("GET /exits/select/explain")[0]?.query).toEqual({ username: "alice-country-de", target: "example.com:443" });
});

test("a gateway of another version breaks nothing", () => {
  const choices = readChoices({ one: null, two: { error: "there is no user" }, three: { candidates: [7], excluded: { port: "x" } } });
  expect(choices.map(({ error }) => error)).toEqual(["", "there is no user", null]);
  expect(choices[2]).toMatchObject({ chosen: "", excluded: [["port", 0]], candidates: [{ edge: "", rttMilliseconds: null }] });
});

test("who went where is not asked for an operator, who may not know", async () => {
  await show("places");
  await screen.findByLabelText("Addresses");
  await user.click(screen.getByRole("tab", { name: "Streams" }));
  await expect.poll(() => askedFor("GET /exits/live").length).toBe(1);
  expect(screen.queryByLabelText("Left from the address")).toBeNull();
  expect(askedFor("GET /exits/streams")).toEqual([]);
});

test("who left from an address at a moment is asked of the API", async () => {
  loggedInAs("auditor");
  answering({ "GET /exits/streams": () => page([STREAM]) });
  await show("live");
  fill(await screen.findByLabelText("Left from the address"), "203.0.113.9");
  fill(screen.getByLabelText("At, in your time"), "2026-03-01T12:00:00");
  await user.click(screen.getByRole("button", { name: "Who was it?" }));
  expect(await screen.findByText("alice")).toBeVisible();
  await expect.poll(() => askedFor("GET /exits/streams").length).toBe(2);
  const { exit_address, at } = askedFor("GET /exits/streams")[1]?.query ?? {};
  expect([exit_address, Number(at)]).toEqual(["203.0.113.9", secondsOf("2026-03-01T12:00:00")]);
});

test("an edge is broken off after a question; a token that is good is revoked by an admin only", async () => {
  const [created_at, expires_at] = ["2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"];
  keys = [{ id: "key7", kind: "edge", created_by: "user:anna", created_at, expires_at, join_url: null }];
  answering({
    "GET /exits/edges": () => page([EDGE]),
    "POST /exits/edges/{edge}/kick": () => ({ gateways: 1 }),
    "DELETE /exits/keys/{key}": () => {
      keys = [];
      return null;
    },
  });
  const first = await show("places");
  expect(await screen.findByText("key7")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Revoke the token key7" })).toBeNull();
  await user.click(await screen.findByRole("button", { name: /What to do with .*berlin/ }));
  await user.click(await screen.findByText("Break off"));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Break off" }));
  expect(await screen.findByText(/tunnels of .*berlin.* are broken off/)).toBeVisible();
  expect(askedFor("POST /exits/edges/{edge}/kick")[0]?.path).toEqual({ edge: "edge1" });
  first.unmount();
  loggedInAs("admin");
  await show("places");
  await user.click(await screen.findByRole("button", { name: "Revoke the token key7" }));
  await user.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Revoke" }));
  expect(await screen.findByText("The token is revoked.")).toBeVisible();
  expect(screen.queryByText("key7")).toBeNull();
});

test("no moment is no number", () => {
  expect(secondsOf("")).toBeUndefined();
  expect(secondsOf("1970-01-01T00:00:01Z")).toBe(1);
});
