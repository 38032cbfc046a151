/** Two texts line by line: what the second has that the first has not, and the other way round. */
export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
}

/** Texts with more lines than this are shown as wholly different: the table below grows with the product of both. */
const LINES_MOST = 3000;

export function lineDiff(before: string, after: string): DiffLine[] {
  const old = linesOf(before);
  const current = linesOf(after);
  let start = 0;
  while (start < old.length && start < current.length && old[start] === current[start]) start += 1;
  let end = 0;
  const room = Math.min(old.length, current.length) - start;
  while (end < room && old.at(-1 - end) === current.at(-1 - end)) end += 1;
  const middle = changed(old.slice(start, old.length - end), current.slice(start, current.length - end));
  return [...mark("same", old.slice(0, start)), ...middle, ...mark("same", old.slice(old.length - end))];
}

/** By the longest common subsequence. */
function changed(old: string[], current: string[]): DiffLine[] {
  if (old.length > LINES_MOST || current.length > LINES_MOST) return [...mark("removed", old), ...mark("added", current)];
  const width = current.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = current.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        old[row] === current[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: DiffLine[] = [];
  let row = 0;
  let column = 0;
  while (row < old.length || column < current.length) {
    if (row < old.length && column < current.length && old[row] === current[column]) {
      lines.push({ kind: "same", text: old[row] ?? "" });
      row += 1;
      column += 1;
    } else if (column >= current.length || (row < old.length && at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ kind: "removed", text: old[row] ?? "" });
      row += 1;
    } else {
      lines.push({ kind: "added", text: current[column] ?? "" });
      column += 1;
    }
  }
  return lines;
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

function mark(kind: DiffLine["kind"], lines: string[]): DiffLine[] {
  return lines.map((text) => ({ kind, text }));
}
