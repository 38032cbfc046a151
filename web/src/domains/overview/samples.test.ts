import { expect, test } from "vitest";
import { joined, withSample, type Sample } from "./samples";

const sample = (at: number, online: number): Sample => ({ at, online, links: 1, direct: 1, medianRttMs: 5, bytesPerSecond: 0 });

test("what the controller kept stands before what was seen, and the newer word counts", () => {
  const course = { time: [100, 110, 120], online: [1, 2, 3], links: [1, 1, 0], direct: [1, 0, 0], rtt_ms: [4, null, null], bytes_per_second: [8, 9, 0] };
  const found = joined(course, [sample(121_000, 7), sample(130_000, 8)]);
  expect(found.map(({ at, online }) => [at, online])).toEqual([[100_000, 1], [110_000, 2], [121_000, 7], [130_000, 8]]);
  expect(found[1]).toMatchObject({ medianRttMs: null, bytesPerSecond: 9, direct: 0 });
});

test("a network without links has no traffic that could be told", () => {
  const course = { time: [100], online: [1], links: [0], direct: [0], rtt_ms: [null], bytes_per_second: [0] };
  expect(joined(course, [])[0]?.bytesPerSecond).toBeNull();
});

test("of one step the newest sample is kept, and an hour of them", () => {
  const first = withSample(withSample([], sample(100_000, 1)), sample(104_000, 2));
  expect(first.map(({ online }) => online)).toEqual([2]);
  let all = first;
  for (let step = 1; step <= 400; step += 1) all = withSample(all, sample(100_000 + step * 10_000, step));
  expect(all).toHaveLength(360);
});
