/** All that who is logged in sees: Ant Design with our theme, the live connection, and the pages. */
import { StyleProvider } from "@ant-design/cssinjs";
import { App, ConfigProvider } from "antd";
import enUS from "antd/es/locale/en_US";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { RouterProvider } from "react-router";
import { LiveProvider } from "@/api/liveState";
import { useMedia, usePreferences } from "./preferences";
import { router } from "./router";
import { themeOf } from "./theme";

export default function Inside() {
  return (
    <Appearance>
      <LiveProvider>
        <RouterProvider router={router} />
      </LiveProvider>
    </Appearance>
  );
}

function Appearance({ children }: { children: ReactNode }) {
  const { isDark } = usePreferences();
  const hasMotion = !useMedia("(prefers-reduced-motion: reduce)");
  const theme = useMemo(() => themeOf(isDark, hasMotion), [isDark, hasMotion]);
  return (
    <StyleProvider layer>
      <ConfigProvider theme={theme} locale={useAntdLocale()} button={{ autoInsertSpace: false }}>
        <App component={false}>{children}</App>
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
