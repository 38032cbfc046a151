/**
 * How the dashboard looks: Ant Design's tokens, and the colours of paths. Pages use the CSS variables made from these
 * (--ant-color-..., --path-...), never a colour of their own.
 */
import { theme as antd, type ThemeConfig } from "antd";
import { variablesClass } from "./preferences";

const SANS =
  '"Inter Variable", system-ui, -apple-system, "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
const MONO = 'ui-monospace, SFMono-Regular, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

interface Palette {
  accent: string;
  page: string;
  card: string;
  raised: string;
  line: string;
  faintLine: string;
  text: string;
  quiet: string;
  faint: string;
}

const LIGHT: Palette = {
  accent: "#0d7a6f",
  page: "#f6f6f3",
  card: "#ffffff",
  raised: "#ffffff",
  line: "#e3e3dd",
  faintLine: "#eeeeea",
  text: "#1b1f1e",
  quiet: "#565f5c",
  faint: "#626b68",
};

const DARK: Palette = {
  accent: "#3cc4b1",
  page: "#101414",
  card: "#171c1c",
  raised: "#1f2626",
  line: "#2c3535",
  faintLine: "#232a2a",
  text: "#e8eceb",
  quiet: "#a5b0ad",
  faint: "#8d9996",
};

/** What Ant Design makes of dark colours by itself is grey, and hard to read on. */
const LIGHT_STATES = {
  colorPrimaryBg: "#e1efec",
  colorInfoBg: "#e8f3f1",
  colorInfoBorder: "#a8d2ca",
  colorSuccessBg: "#eaf5ee",
  colorSuccessBorder: "#a9d4ba",
  colorWarningBg: "#fbf4e6",
  colorWarningBorder: "#e3c48d",
  colorErrorBg: "#fcefed",
  colorErrorBorder: "#efb9b3",
};

export function themeOf(isDark: boolean, hasMotion: boolean): ThemeConfig {
  const palette = isDark ? DARK : LIGHT;
  return {
    algorithm: isDark ? antd.darkAlgorithm : antd.defaultAlgorithm,
    cssVar: { prefix: "ant", key: variablesClass(isDark) },
    // Only one version of Ant Design is on the page.
    hashed: false,
    token: {
      colorPrimary: palette.accent,
      // By itself it would be lighter where the mouse is, and white on it hard to read.
      ...(isDark ? {} : { colorPrimaryHover: "#0a645b", colorErrorHover: "#a82d23", ...LIGHT_STATES }),
      colorInfo: palette.accent,
      colorLink: palette.accent,
      colorSuccess: isDark ? "#4bbf7f" : "#1a7345",
      colorWarning: isDark ? "#e0a13c" : "#945406",
      colorError: isDark ? "#f0776c" : "#c2362b",
      colorBgLayout: palette.page,
      colorBgContainer: palette.card,
      colorBgElevated: palette.raised,
      colorBorder: palette.line,
      colorBorderSecondary: palette.faintLine,
      colorText: palette.text,
      colorTextSecondary: palette.quiet,
      colorTextTertiary: palette.faint,
      colorTextDescription: palette.faint,
      colorTextPlaceholder: palette.faint,
      colorTextLightSolid: isDark ? "#08201c" : "#ffffff",
      fontFamily: SANS,
      fontFamilyCode: MONO,
      fontSize: 14,
      borderRadius: 8,
      borderRadiusLG: 12,
      borderRadiusSM: 6,
      controlHeight: 34,
      wireframe: false,
      motion: hasMotion,
      motionDurationMid: "0.16s",
      motionDurationSlow: "0.22s",
      boxShadowSecondary: isDark ? "0 12px 32px rgb(0 0 0 / 45%)" : "0 12px 32px rgb(24 32 30 / 12%)",
    },
    components: {
      Button: { primaryShadow: "none", defaultShadow: "none", dangerShadow: "none", fontWeight: 500 },
      Table: {
        headerBg: "transparent",
        headerSplitColor: "transparent",
        headerColor: palette.faint,
        cellPaddingBlock: 11,
        cellPaddingInline: 14,
      },
      Card: { headerFontSize: 14 },
      Modal: { titleFontSize: 17 },
      Form: { itemMarginBottom: 18 },
      Tag: { defaultBg: "transparent" },
    },
  };
}
