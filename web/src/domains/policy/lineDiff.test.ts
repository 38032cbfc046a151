import { expect, test } from "vitest";
import { lineDiff } from "./lineDiff";

const spelt = (before: string, after: string) =>
  lineDiff(before, after).map(({ kind, text }) => ({ same: " ", added: "+", removed: "-" })[kind] + text);

test("only the lines that differ are marked", () => {
  expect(spelt("a\nb\nc\n", "a\nx\nc\n")).toEqual([" a", "-b", "+x", " c"]);
  expect(spelt("a\nb\n", "b\n")).toEqual(["-a", " b"]);
  expect(spelt("a\n", "a\n")).toEqual([" a"]);
});

test("without what was added it is the first text, without what was removed the second", () => {
  let seed = 7;
  const next = (most: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  const text = () => Array.from({ length: 1 + next(12) }, () => "abc".charAt(next(3))).join("\n");
  for (let round = 0; round < 300; round += 1) {
    const [before, after] = [text(), text()];
    const lines = lineDiff(before, after);
    const without = (kind: string) => lines.filter((one) => one.kind !== kind).map((one) => one.text).join("\n");
    expect([without("added"), without("removed")]).toEqual([before, after]);
  }
});
