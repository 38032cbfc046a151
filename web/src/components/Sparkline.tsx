import { useId } from "react";
import styles from "./Sparkline.module.css";

const WIDTH = 120;
const HEIGHT = 34;

/** How a number went, without scales; the number itself stands beside it. Gaps are gaps. */
export function Sparkline({ values, least = 0 }: { values: readonly (number | null)[]; least?: number }) {
  const gradient = useId();
  const known = values.flatMap((value) => value ?? []);
  if (known.length < 2) return <svg className={styles.line} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden />;
  const low = Math.min(least, ...known);
  const high = Math.max(...known);
  const x = (place: number) => (place / (values.length - 1)) * WIDTH;
  const y = (value: number) => (high === low ? HEIGHT / 2 : HEIGHT - 3 - ((value - low) / (high - low)) * (HEIGHT - 6));
  let line = "";
  values.forEach((value, place) => {
    if (value === null) return;
    const isBegin = place === 0 || values[place - 1] === null;
    line += `${isBegin ? "M" : "L"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const isWhole = known.length === values.length;
  return (
    <svg className={styles.line} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
      <defs>
        <linearGradient id={gradient} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor="currentColor" stopOpacity="0.22" />
          <stop offset="1" stopColor="currentColor" stopOpacity="0" />
        </linearGradient>
      </defs>
      {isWhole && <path d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} fill={`url(#${gradient})`} />}
      <path d={line} className={styles.stroke} />
    </svg>
  );
}
