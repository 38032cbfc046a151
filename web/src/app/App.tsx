import { StyleProvider } from "@ant-design/cssinjs";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { App as AntdApp, ConfigProvider } from "antd";
import enUS from "antd/es/locale/en_US";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { RouterProvider } from "react-router";
import { LiveProvider } from "@/api/liveState";
import { Problem } from "@/api/problem";
import { SessionProvider } from "@/api/session";
import { PreferencesProvider, useMedia, usePreferences } from "./preferences";
import { router } from "./router";
import { themeOf } from "./theme";

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      // The live connection keeps what was read as it is; nothing is asked for again because time went by.
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 3 && isPassing(Problem.ofUnknown(error)),
    },
  },
});

/** Whether the same request may succeed a little later. */
function isPassing(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

export function App() {
  return (
    <PreferencesProvider>
      <Appearance>
        <QueryClientProvider client={cache}>
          <SessionProvider>
            <LiveProvider>
              <RouterProvider router={router} />
            </LiveProvider>
          </SessionProvider>
        </QueryClientProvider>
      </Appearance>
    </PreferencesProvider>
  );
}

export function Appearance({ children }: { children: ReactNode }) {
  const { isDark } = usePreferences();
  const hasMotion = !useMedia("(prefers-reduced-motion: reduce)");
  const theme = useMemo(() => themeOf(isDark, hasMotion), [isDark, hasMotion]);
  return (
    <StyleProvider layer>
      <ConfigProvider theme={theme} locale={useAntdLocale()} button={{ autoInsertSpace: false }}>
        <AntdApp component={false}>{children}</AntdApp>
      </ConfigProvider>
    </StyleProvider>
  );
}

function useAntdLocale() {
  const { i18n } = useTranslation();
  const [locale, setLocale] = useState(enUS);
  useEffect(() => {
    let isWanted = true;
    const wanted = i18n.language === "zh-CN" ? import("antd/es/locale/zh_CN") : Promise.resolve({ default: enUS });
    void wanted.then((found) => isWanted && setLocale(found.default));
    return () => {
      isWanted = false;
    };
  }, [i18n.language]);
  return locale;
}
