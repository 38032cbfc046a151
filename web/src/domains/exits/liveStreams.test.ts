import { expect, test } from "vitest";
import { readLive } from "./liveStreams";

test("what a gateway of another version says never breaks the page", () => {
  const odd = [null, 7, "x", [], { streams: "many" }, { streams: [null, 7, { user: 5, up: "a" }], total: -1 }];
  const answers = readLive(Object.fromEntries(odd.map((answer, place) => [`gateway${place}`, answer])));
  expect(answers.map(({ streams }) => streams.length)).toEqual([0, 0, 0, 0, 0, 3]);
  expect(answers.at(-1)?.streams.at(-1)).toMatchObject({ user: "", up: 0, gateway: "gateway5" });
});

test("streams are told as they are, and why there are none", () => {
  const stream = { number: 3, user: "alice", target: "example.com:443", edge: "e1", seconds: 2.5, up: 10, down: 20 };
  const [good, silent] = readLive({ one: { total: 500, streams: [stream] }, two: { error: "no answer" } });
  expect(good).toEqual({ gateway: "one", total: 500, error: null, streams: [{ ...stream, gateway: "one" }] });
  expect(silent).toMatchObject({ streams: [], error: "no answer" });
});
