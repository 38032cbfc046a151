import { Tooltip } from "antd";
import { useEffect, useReducer } from "react";
import { formatRelative, formatTime } from "./format";

const RENEW_MILLISECONDS = 10_000;

/** How long ago something was, with the exact time on hover. */
export function RelativeTime({ time }: { time: string | number }) {
  const [, renew] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(renew, RENEW_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return (
    <Tooltip title={formatTime(time)}>
      <time dateTime={new Date(time).toISOString()}>{formatRelative(time)}</time>
    </Tooltip>
  );
}
