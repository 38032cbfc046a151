import { expect, test } from "vitest";

const files = import.meta.glob<Record<string, unknown>>("./*/*.json", { eager: true, import: "default" });

function texts(value: unknown, name: string): [string, string][] {
  if (typeof value === "string") return [[name, value]];
  return Object.entries(value as object).flatMap(([key, one]) => texts(one, `${name}.${key}`));
}

function textsOf(language: string): Map<string, string> {
  const found = Object.entries(files).filter(([path]) => path.startsWith(`./${language}/`));
  return new Map(found.flatMap(([path, content]) => texts(content, path.slice(`./${language}/`.length, -".json".length))));
}

const english = textsOf("en");
const chinese = textsOf("zh-CN");

/** i18next's plural endings differ by language: Chinese has only "other". */
const withoutPlural = (names: Iterable<string>) => [...new Set([...names].map((name) => name.replace(/_(one|other)$/, "")))].sort();
const variables = (text: string) => [...new Set(text.match(/\{\{\s*\w+/g) ?? [])].sort();

test("every text is there in both languages", () => {
  expect(english.size).toBeGreaterThan(50);
  expect(withoutPlural(chinese.keys())).toEqual(withoutPlural(english.keys()));
});

test("no text is empty, and Chinese texts are Chinese", () => {
  expect([...english, ...chinese].filter(([, text]) => text.trim() === "")).toEqual([]);
  const latin = [...chinese].filter(([, text]) => !/\p{Script=Han}/u.test(text.replace(/\{\{.*?\}\}/g, "汉")));
  expect(latin.map(([, text]) => text).filter((text) => !/^[A-Z0-9 /.:_–-]+$/i.test(text))).toEqual([]);
});

test("a text's variables are the same in both languages", () => {
  for (const [name, text] of english) {
    const other = chinese.get(name) ?? chinese.get(name.replace(/_one$/, "_other"));
    expect([name, variables(other ?? "").filter((one) => one !== "{{count")]).toEqual([
      name,
      variables(text).filter((one) => one !== "{{count"),
    ]);
  }
});
