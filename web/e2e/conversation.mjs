// Talks to integration/netns/test_dashboard.py: errands that only that side can do, and facts that were found.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

export async function errand(order) {
  tell(order);
  const { value, done } = await lines.next();
  if (done) throw new Error("nobody answers");
  return JSON.parse(value);
}

let failures = 0;
let lookAtFailure = () => undefined;

/** What is done where something does not hold: a screenshot. */
export function onFailure(look) {
  lookAtFailure = look;
}

const COLOURS = /\u001b\[\d+m/g;

/** Looks whether something holds; the story goes on also where it does not. Answers how long it took, in seconds. */
export async function fact(sentence, look) {
  const begun = performance.now();
  try {
    const note = await look();
    const seconds = (performance.now() - begun) / 1000;
    tell({ fact: sentence, holds: true, note: `${seconds.toFixed(2)} s${typeof note === "string" ? `, ${note}` : ""}` });
    return seconds;
  } catch (error) {
    failures += 1;
    await lookAtFailure(`failed-${failures}`)?.catch(() => undefined);
    tell({ fact: sentence, holds: false, note: String(error?.message ?? error).replace(COLOURS, "").slice(0, 1500) });
    return Number.POSITIVE_INFINITY;
  }
}

export function failed() {
  return failures > 0;
}

export function check(condition, sentence) {
  if (!condition) throw new Error(sentence);
}
