import { expect, test } from "vitest";
import { decimated } from "./decimated";

const DAY = 86_400;
const time = Array.from({ length: DAY }, (_, second) => second);

test("a peak of one second in a day is drawn, where it was", () => {
  const column = time.map((second) => (second === 40_000 ? 99 : second === 40_001 ? -1 : 5));
  const drawn = decimated({ time, columns: [column] }, 0, DAY, 1000);
  expect(drawn.time.length).toBeLessThanOrEqual(2001);
  const place = drawn.columns[0]?.indexOf(99) ?? -1;
  expect(Math.abs((drawn.time[place] ?? 0) - 40_000)).toBeLessThan(DAY / 1000);
  expect(drawn.columns[0]?.[place + 1]).toBe(-1);
});

test("the newest value is the last, times rise, and columns are as long as the time", () => {
  const columns = [time.map((second) => second % 97), time.map((second) => (second > DAY / 2 ? null : second))];
  const drawn = decimated({ time, columns }, 0, DAY, 300);
  expect(drawn.time.at(-1)).toBe(DAY - 1);
  expect(drawn.columns[0]?.at(-1)).toBe((DAY - 1) % 97);
  expect(drawn.time.every((at, place) => place === 0 || at >= (drawn.time[place - 1] ?? 0))).toBe(true);
  expect(drawn.columns.map((column) => column.length)).toEqual([drawn.time.length, drawn.time.length]);
});

test("what is not known stays a gap", () => {
  const column = time.map((second) => (second > 20_000 && second < 30_000 ? null : 1));
  const drawn = decimated({ time, columns: [column] }, 0, DAY, 500);
  const inside = drawn.time.flatMap((at, place) => (at > 20_200 && at < 29_800 ? [drawn.columns[0]?.[place]] : []));
  expect(inside.length).toBeGreaterThan(50);
  expect(new Set(inside)).toEqual(new Set([null]));
});

test("few points are left as they are", () => {
  const course = { time: [1, 2, 3], columns: [[4, null, 6]] };
  expect(decimated(course, 0, 3, 100)).toBe(course);
});
