import { expect, test } from "vitest";
import { isolated } from "./isolated";

test("a name cannot end its isolation, nor turn what follows it", () => {
  expect(isolated("a\u2069\u202eb")).toBe("\u2068ab\u2069");
});
