/** Values over time, drawn by uPlot. Of a day of one value each second, what the screen can show is drawn. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { currentLanguage } from "@/app/i18n";
import { usePreferences } from "@/app/preferences";
import { decimated, type Points } from "./decimated";
import styles from "./TimeChart.module.css";

/** That are shown at least. */
const SECONDS_LEAST = 20;

export interface Series {
  label: string;
  /** A CSS variable with the colour. */
  colour: string;
  isFilled?: boolean;
}

interface Props {
  /** Unix seconds, rising. */
  time: readonly number[];
  values: readonly (readonly (number | null)[])[];
  series: readonly Series[];
  format: (value: number) => string;
  /** How much time is shown at most, up to the newest value. */
  seconds: number;
  /** The whole in words, for who does not see it. */
  summary: string;
  height?: number;
  /** Charts with the same key show the same moment. */
  cursor?: string;
}

export function TimeChart({ time, values, series, format, seconds, summary, height = 170, cursor }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { isDark } = usePreferences();
  const points = useRef<Points>({ time: [], columns: [] });
  const labels = series.map((one) => one.label).join("|");
  useEffect(() => {
    points.current = { time, columns: values };
    if (plot.current) put(plot.current, points.current, seconds);
  }, [time, values, seconds]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const options = optionsOf({ element, series, format, seconds, height, cursor });
    const made = new uPlot(options, drawable(points.current, seconds, options.width), element);
    plot.current = made;
    showLast(made);
    const leave = () => showLast(made);
    made.over.addEventListener("mouseleave", leave);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === made.width) return;
      made.setSize({ width: element.clientWidth, height });
      put(made, points.current, seconds);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // `labels` stands for `series`, which is another array each time.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [labels, format, seconds, height, cursor, isDark]);
  return <div ref={box} className={styles.chart} style={{ minHeight: height }} role="img" aria-label={summary} />;
}

function put(plot: uPlot, points: Points, seconds: number): void {
  plot.setData(drawable(points, seconds, plot.width));
  showLast(plot);
}

/** What a chart of this width can show of it. */
function drawable(points: Points, seconds: number, width: number): uPlot.AlignedData {
  const end = points.time.at(-1) ?? 0;
  const begin = beginOf(points.time[0] ?? 0, end, seconds);
  const { time, columns } = decimated(points, begin, end, Math.max(1, width * devicePixelRatio));
  return [time, ...columns] as uPlot.AlignedData;
}

/** A chart begins where its values begin, if that is later: a link that is a minute old is not a stroke at its end. */
function beginOf(first: number, last: number, seconds: number): number {
  return Math.max(last - seconds, Math.min(first, last - SECONDS_LEAST));
}

/** Where nobody points at a moment, the legend says how it is now. */
function showLast(plot: uPlot): void {
  if ((plot.cursor.left ?? -1) < 0) plot.setLegend({ idx: plot.data[0].length - 1 });
}

interface Drawn extends Pick<Props, "series" | "format" | "seconds" | "cursor"> {
  element: HTMLElement;
  height: number;
}

function optionsOf({ element, series, format, seconds, height, cursor }: Drawn): uPlot.Options {
  const computed = getComputedStyle(element);
  const colour = (name: string) => computed.getPropertyValue(name).trim();
  const font = `11px ${computed.fontFamily}`;
  const axis = {
    font,
    stroke: colour("--ant-color-text-tertiary"),
    grid: { stroke: colour("--ant-color-border-secondary"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    padding: [8, 4, 0, 0],
    cursor: { points: { size: 7 }, drag: { setScale: false }, ...(cursor ? { sync: { key: cursor } } : {}) },
    legend: { show: true, live: true },
    scales: {
      x: { range: (_plot, first, last) => [beginOf(first, last, seconds), last] },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.12 : 1] },
    },
    axes: [
      { ...axis, size: 32, grid: { show: false }, values: (_plot, ticks, _place, _space, step) => ticks.map((tick) => clock(tick, step)) },
      { ...axis, size: 74, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      { label: "", value: (_plot, at) => (at === null || at === undefined ? "" : clock(at, 1)) },
      ...series.map((one) => ({
        label: one.label,
        stroke: colour(one.colour),
        width: 1.6,
        points: { show: false },
        ...(one.isFilled ? { fill: `${colour(one.colour)}22` } : {}),
        value: (_plot: uPlot, value: number | null) => (value === null || value === undefined ? "" : format(value)),
      })),
    ],
  };
}

/** A moment of the axis, as finely as the axis is divided. */
function clock(seconds: number, step: number): string {
  const parts: Intl.DateTimeFormatOptions =
    step >= 86_400
      ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}) };
  return new Intl.DateTimeFormat(currentLanguage(), { ...parts, hourCycle: "h23" }).format(seconds * 1000);
}
