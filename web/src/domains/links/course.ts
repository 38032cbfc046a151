/** The course of a link's figures, as it grows. */
import type { Link, LinkHistory } from "@/api/links";

export type Course = LinkHistory;

const GAP_SECONDS = 30;
/** So long without a value is a gap, not a line. */

/** With this link's figures at its end, and without what is older than `seconds`. */
export function appended(course: Course, link: Link | null, seconds: number, now: number = Date.now() / 1000): Course {
  const begin = now - seconds;
  const from = course.time.findIndex((time) => time >= begin);
  const cut = <Value>(column: readonly Value[]): Value[] => (from < 0 ? [] : column.slice(from));
  const next: Course = {
    time: cut(course.time),
    rtt_ms: cut(course.rtt_ms),
    jitter_ms: cut(course.jitter_ms),
    loss: cut(course.loss),
    received: cut(course.received),
    sent: cut(course.sent),
  };
  if (link === null) return next;
  const at = Date.parse(link.reported_at) / 1000;
  const last = next.time.at(-1);
  if (!Number.isFinite(at) || (last !== undefined && at <= last)) return next;
  if (last !== undefined && at - last > GAP_SECONDS) push(next, last + 1, null);
  push(next, at, link);
  return next;
}

function push(course: Course, time: number, link: Link | null): void {
  course.time.push(time);
  course.rtt_ms.push(link?.rtt_ms ?? null);
  course.jitter_ms.push(link?.jitter_ms ?? null);
  course.loss.push(link?.loss ?? null);
  course.received.push(link?.received_bytes_per_second ?? null);
  course.sent.push(link?.sent_bytes_per_second ?? null);
}
