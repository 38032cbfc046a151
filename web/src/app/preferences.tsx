/** Light, dark, or as the system is; kept in this browser. */
import { createContext, useCallback, useContext, useLayoutEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";

export const APPEARANCES = ["system", "light", "dark"] as const;
export type Appearance = (typeof APPEARANCES)[number];

interface Preferences {
  appearance: Appearance;
  isDark: boolean;
  setAppearance: (appearance: Appearance) => void;
}

const STORED_AS = "zerogo.appearance";
const PreferencesContext = createContext<Preferences | null>(null);

/** The class below which Ant Design's variables are set; the whole page has it. */
export function variablesClass(isDark: boolean): string {
  return isDark ? "zerogo-dark" : "zerogo-light";
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const [appearance, setChosen] = useState(stored);
  const isSystemDark = useMedia("(prefers-color-scheme: dark)");
  const isDark = appearance === "dark" || (appearance === "system" && isSystemDark);
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
    document.documentElement.className = variablesClass(isDark);
  }, [isDark]);
  const setAppearance = useCallback((wanted: Appearance) => {
    localStorage.setItem(STORED_AS, wanted);
    setChosen(wanted);
  }, []);
  const preferences = useMemo(() => ({ appearance, isDark, setAppearance }), [appearance, isDark, setAppearance]);
  return <PreferencesContext value={preferences}>{children}</PreferencesContext>;
}

export function usePreferences(): Preferences {
  const preferences = useContext(PreferencesContext);
  if (preferences === null) throw new Error("PreferencesProvider is missing");
  return preferences;
}

export function useMedia(query: string): boolean {
  const list = useMemo(() => window.matchMedia(query), [query]);
  const subscribe = useCallback(
    (listener: () => void) => {
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    [list],
  );
  return useSyncExternalStore(subscribe, () => list.matches);
}

function stored(): Appearance {
  const found = localStorage.getItem(STORED_AS);
  return APPEARANCES.find((one) => one === found) ?? "system";
}
