/**
 * English and Chinese. Each domain has its own file for each language (src/locales/<language>/<domain>.json), which is
 * its namespace; a language is loaded as a whole, when it is chosen first.
 */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];
/** Each in itself. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", "zh-CN": "简体中文" };

const PIECES = {
  en: () => import("../locales/en"),
  "zh-CN": () => import("../locales/zh-CN"),
};
const STORED_AS = "zerogo.language";

async function load(language: Language): Promise<void> {
  const { default: texts } = await PIECES[language]();
  for (const [path, content] of Object.entries(texts)) {
    const namespace = path.slice(path.lastIndexOf("/") + 1, -".json".length);
    i18next.addResourceBundle(language, namespace, content);
  }
}

function chosen(): Language {
  const stored = localStorage.getItem(STORED_AS);
  const known = LANGUAGES.find((one) => one === stored);
  if (known) return known;
  return navigator.languages.some((one) => one.toLowerCase().startsWith("zh")) ? "zh-CN" : "en";
}

export async function startTexts(language: Language = chosen()): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    defaultNS: "common",
    // React escapes; a second time would show "&lt;" to people.
    interpolation: { escapeValue: false },
    returnNull: false,
    resources: {},
  });
  await load(language);
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  localStorage.setItem(STORED_AS, language);
}

export function currentLanguage(): Language {
  return i18next.language === "zh-CN" ? "zh-CN" : "en";
}
