import { readFileSync } from "node:fs";
import { theme } from "antd";
import { expect, test } from "vitest";
import { themeOf } from "../theme";

const [, light = "", dark = ""] = readFileSync("src/app/login/variables.css", "utf8").split(":root");

function variablesOf(text: string): [string, string][] {
  return [...text.matchAll(/--ant-([\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, plain(value)]);
}

function plain(value: string): string {
  return value.replace(/\s+/g, " ").trim();
}

test.each([
  ["light", light, false],
  ["dark", dark, true],
])("the login's variables are Ant Design's, %s", (_name, text, isDark) => {
  const tokens = theme.getDesignToken(themeOf(isDark, true)) as unknown as Record<string, unknown>;
  const found = variablesOf(text);
  expect(found.length).toBeGreaterThan(10);
  for (const [name, value] of found) {
    const token = name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
    expect([name, value]).toEqual([name, plain(String(tokens[token]))]);
  }
});
