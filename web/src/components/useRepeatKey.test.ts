import { renderHook } from "@testing-library/react";
import { expect, test } from "vitest";
import { useRepeatKey } from "./useRepeatKey";

test("a try again has the key of the first, and what is made anew has another", async () => {
  const { result } = renderHook(() => useRepeatKey());
  const keys: string[] = [];
  const send = (isAnswered: boolean) =>
    result.current({ name: "basic" }, (_, key) => {
      keys.push(key);
      return isAnswered ? Promise.resolve("made") : Promise.reject(new Error("lost"));
    });
  await expect(send(false)).rejects.toThrow("lost");
  expect(await send(true)).toBe("made");
  await send(true);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[1]);
});
