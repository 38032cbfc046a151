/** Amounts for people, in the language of the page. */
import { currentLanguage } from "@/app/i18n";

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const BIT_UNITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

/** An amount of data, in powers of 1,000, as they are typed here and at the terminal. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1000, BYTE_UNITS);
}

/** Throughput; `bytesPerSecond` is shown in bits, in powers of 1,000. */
export function formatRate(bytesPerSecond: number): string {
  return scaled(bytesPerSecond * 8, 1000, BIT_UNITS);
}

function scaled(amount: number, base: number, units: string[]): string {
  let value = amount;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return `${formatNumber(value, unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${units[unit] ?? ""}`;
}

/** A round-trip time or jitter. */
export function formatMilliseconds(milliseconds: number): string {
  return `${formatNumber(milliseconds, milliseconds >= 100 ? 0 : milliseconds >= 10 ? 1 : 2)} ms`;
}

/** A share from 0 to 1. A little is never shown as none. */
export function formatShare(share: number): string {
  const percent = share * 100;
  const digits = percent === 0 || percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
  return `${formatNumber(percent, digits)} %`;
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

/** A date and time in full. */
export function formatTime(time: string | number): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return String(time);
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "medium" }).format(at);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** How long ago, or in how long. */
export function formatRelative(time: string | number, now: number = Date.now()): string {
  const seconds = Math.round((new Date(time).getTime() - now) / 1000);
  if (!Number.isFinite(seconds)) return String(time);
  const [unit, length] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  const formatter = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: "auto" });
  return formatter.format(Math.trunc(seconds / length), unit);
}

const DURATIONS: [string, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** A length of time by its two largest units: "2 h 5 min". */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, length] of DURATIONS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count === 0 && !(parts.length === 0 && unit === "second")) continue;
    parts.push(new Intl.NumberFormat(currentLanguage(), { style: "unit", unit, unitDisplay: "short" }).format(count));
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
