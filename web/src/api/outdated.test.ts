import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { allOutdated, applyOutdated, networkChanged } from "./outdated";

let cache: QueryClient;
let read: string[];

beforeEach(() => {
  vi.useFakeTimers();
  cache = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Number.POSITIVE_INFINITY } } });
  read = [];
});

afterEach(() => vi.useRealTimers());

/** A page that shows it. */
async function showing(...queryKey: string[]): Promise<void> {
  const queryFn = () => Promise.resolve(void read.push(queryKey.join("/"))).then(() => "data");
  new QueryObserver(cache, { queryKey, queryFn }).subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
  read = [];
}

test("what is on a page is read again, of the network that it is about", async () => {
  await showing("policy", "one");
  await showing("policy", "two");
  await showing("users");
  applyOutdated(cache, [{ area: "policy", network_id: "one" }, { area: "weather", network_id: "" }]);
  await vi.advanceTimersByTimeAsync(0);
  expect(read).toEqual(["policy/one"]);
});

test("many changes are one question at once and one a second later", async () => {
  await showing("exits", "users");
  for (let time = 0; time < 10; time += 1) applyOutdated(cache, [{ area: "exits", network_id: "" }]);
  await vi.advanceTimersByTimeAsync(0);
  expect(read).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(5000);
  expect(read).toHaveLength(2);
});

test("a network that changed has other names and another lock; after a silence all is read again", async () => {
  await showing("names", "one");
  await showing("lock", "one", "members");
  await showing("webhooks");
  networkChanged(cache, "one");
  await vi.advanceTimersByTimeAsync(2000);
  expect(read).toEqual(["names/one", "lock/one/members"]);
  allOutdated(cache);
  await vi.advanceTimersByTimeAsync(0);
  expect([...read].sort()).toEqual(["lock/one/members", "lock/one/members", "names/one", "names/one", "webhooks"]);
});
