import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { answering, askedFor, Refusal } from "@/test/fakeApi";
import { member, network, NETWORK } from "@/test/documents";
import { link } from "@/test/links";
import type { Member, Network } from "./documents";
import { LiveConnection } from "./live";
import type { Link, NetworkEvent } from "./links";
import { keys } from "./queries";

class FakeSocket {
  static opened: FakeSocket[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly address: URL) {
    FakeSocket.opened.push(this);
  }

  close(): void {
    this.onclose?.({ code: 1000 });
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
}

const SNAPSHOT = {
  t: "snapshot",
  revision: 1,
  networks: [network()],
  members: [member({ id: "a" }), member({ id: "b" })],
  links: [link("a", "b")],
  relays: [],
};

let cache: QueryClient;
let ended: number;
let connection: LiveConnection;

beforeEach(() => {
  FakeSocket.opened = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  answering({ "POST /websocket-tickets": () => ({ ticket: `ticket ${FakeSocket.opened.length}`, expires_in: 30 }) });
  cache = new QueryClient();
  ended = 0;
  connection = new LiveConnection(cache, () => (ended += 1));
});

afterEach(() => connection.stop());

async function socket(number: number): Promise<FakeSocket> {
  await vi.waitFor(() => expect(FakeSocket.opened.length).toBeGreaterThan(number), { timeout: 10_000 });
  return FakeSocket.opened[number] as FakeSocket;
}

const change = (kind: string, id: string, value: unknown) => ({ kind, network_id: NETWORK, id, value });

test("a snapshot fills the cache, and changes change it", async () => {
  connection.start();
  const opened = await socket(0);
  expect(opened.address.searchParams.get("ticket")).toBe("ticket 0");
  expect(opened.address.protocol).toBe("ws:");
  opened.say(SNAPSHOT);
  expect(connection.state).toBe("live");
  opened.say({
    t: "changes",
    revision: 2,
    changes: [
      change("member", "a", null),
      change("member", "c", member({ id: "c" })),
      change("link", "a b", { ...link("a", "b"), path: "relay" }),
      change("network", NETWORK, network({ name: "office" })),
      change("weather", "x", { is: "fine" }),
    ],
  });
  expect(cache.getQueryData<Member[]>(keys.members(NETWORK))?.map(({ id }) => id)).toEqual(["b", "c"]);
  expect(cache.getQueryData<Link[]>(keys.links(NETWORK))?.map(({ path }) => path)).toEqual(["relay"]);
  expect(cache.getQueryData<Network[]>(keys.networks)?.map(({ name }) => name)).toEqual(["office"]);
});

test("what is not understood is passed over", async () => {
  connection.start();
  const opened = await socket(0);
  opened.say("{");
  opened.say({ t: "greeting" });
  opened.say(SNAPSHOT);
  expect(connection.state).toBe("live");
});

test("a connection that is lost is opened again with another ticket", async () => {
  connection.start();
  const first = await socket(0);
  first.say(SNAPSHOT);
  first.onclose?.({ code: 1006 });
  expect(connection.state).toBe("reconnecting");
  const second = await socket(1);
  expect(second.address.searchParams.get("ticket")).toBe("ticket 1");
  second.say(SNAPSHOT);
  expect(connection.state).toBe("live");
});

test("a controller that refuses for now is asked again", async () => {
  let refusals = 0;
  answering({
    "POST /websocket-tickets": () =>
      refusals++ === 0 ? new Refusal(503, "busy") : { ticket: "later", expires_in: 30 },
  });
  connection.start();
  await socket(0);
  expect(askedFor("POST /websocket-tickets")).toHaveLength(2);
});

test("a session that is over is told, and nothing is tried until somebody logs in", async () => {
  connection.start();
  const opened = await socket(0);
  opened.onclose?.({ code: 4401 });
  expect(ended).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(FakeSocket.opened).toHaveLength(1);
});

test("an event that was read while it was on its way is there once", async () => {
  const event = (id: string) => ({ id, network_id: NETWORK, at: "2026-01-01T00:00:00Z", kind: "member.online", nodes: ["a"], change: null });
  connection.start();
  const opened = await socket(0);
  opened.say(SNAPSHOT);
  cache.setQueryData(keys.events(NETWORK), [event("2"), event("1")]);
  opened.say({ t: "changes", revision: 2, changes: [change("event", "2", event("2")), change("event", "3", event("3"))] });
  expect(cache.getQueryData<NetworkEvent[]>(keys.events(NETWORK))?.map(({ id }) => id)).toEqual(["3", "2", "1"]);
});

test("events are read again after a connection that was lost", async () => {
  connection.start();
  cache.setQueryData(keys.events(NETWORK), []);
  (await socket(0)).say(SNAPSHOT);
  expect(cache.getQueryState(keys.events(NETWORK))?.isInvalidated).toBe(true);
});

test("who stops and starts while a ticket is on its way has one connection", async () => {
  connection.start();
  connection.stop();
  connection.start();
  await socket(0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(FakeSocket.opened).toHaveLength(1);
});
