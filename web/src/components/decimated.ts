/**
 * A course in as few points as can be told apart on a screen: of each column of pixels, the least and the largest value in
 * the order in which they came. A peak of one second in a day stays a peak.
 */

type Column = readonly (number | null)[];

export interface Points {
  time: readonly number[];
  columns: readonly Column[];
}

/** `time` is rising; `begin` and `end`, in its unit, are the edges of a picture of `pixels` columns. */
export function decimated(course: Points, begin: number, end: number, pixels: number): Points {
  const { time, columns } = course;
  // The newest point stays by itself: its value is what is read off.
  const last = time.length - 1;
  if (time.length <= 4 * pixels || end <= begin) return course;
  const starts = bucketsOf(time, last, begin, (end - begin) / pixels);
  const width = 2 * starts.length + 1;
  const times = new Array<number>(width);
  starts.forEach((start, bucket) => {
    const stop = starts[bucket + 1] ?? last;
    times[2 * bucket] = time[start] ?? 0;
    // Two points of one bucket never share a time: a bucket has several values, or stands alone twice.
    times[2 * bucket + 1] = time[stop - 1] ?? 0;
  });
  times[width - 1] = time[last] ?? 0;
  return { time: times, columns: columns.map((column) => extremes(column, starts, last)) };
}

/** The first place of each column of pixels that has values. */
function bucketsOf(time: readonly number[], last: number, begin: number, step: number): number[] {
  const starts: number[] = [];
  let before = Number.NaN;
  for (let place = 0; place < last; place += 1) {
    const bucket = Math.floor(((time[place] ?? 0) - begin) / step);
    if (bucket === before) continue;
    before = bucket;
    starts.push(place);
  }
  return starts;
}

function extremes(column: Column, starts: readonly number[], last: number): (number | null)[] {
  const found = new Array<number | null>(2 * starts.length + 1).fill(null);
  for (let bucket = 0; bucket < starts.length; bucket += 1) {
    const stop = starts[bucket + 1] ?? last;
    let [low, high] = [-1, -1];
    for (let place = starts[bucket] ?? 0; place < stop; place += 1) {
      const value = column[place] ?? null;
      if (value === null) continue;
      if (low < 0 || value < (column[low] as number)) low = place;
      if (high < 0 || value > (column[high] as number)) high = place;
    }
    if (low < 0) continue;
    found[2 * bucket] = column[Math.min(low, high)] ?? null;
    found[2 * bucket + 1] = column[Math.max(low, high)] ?? null;
  }
  found[2 * starts.length] = column[last] ?? null;
  return found;
}
