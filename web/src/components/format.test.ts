import { beforeAll, expect, test } from "vitest";
import { startTexts } from "@/app/i18n";
import { formatBytes, formatDuration, formatMilliseconds, formatRate, formatRelative, formatShare, formatTime } from "./format";

beforeAll(() => startTexts("en"));

test("amounts have three digits and a unit", () => {
  expect(formatBytes(0)).toBe("0 B");
  expect(formatBytes(1500)).toBe("1.5 kB");
  expect(formatBytes(1.024e18)).toBe("1,024 PB");
  expect(formatRate(125_000)).toBe("1 Mbit/s");
  expect(formatMilliseconds(0.256)).toBe("0.26 ms");
  expect(formatMilliseconds(123.4)).toBe("123 ms");
});

test("a little is not none", () => {
  expect(formatShare(0)).toBe("0 %");
  expect(formatShare(0.0012)).toBe("0.12 %");
  expect(formatShare(1)).toBe("100 %");
});

test("times that are no times are shown as they are", () => {
  expect(formatTime("soon")).toBe("soon");
  expect(formatRelative("soon")).toBe("soon");
  expect(formatRelative("2026-01-01T00:00:00Z", Date.parse("2026-01-01T02:00:00Z"))).toBe("2 hours ago");
  expect(formatDuration(7384)).toBe("2 hr 3 min");
});
