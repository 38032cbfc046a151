/**
 * A stranger's text inside a sentence that is plain text (a notice, a label, a title). Unicode's isolates keep it from
 * reordering what stands around it; marks of its own that could end the isolate are taken out. Elements use <bdi>.
 */
const DIRECTION_MARKS = /[\u202a-\u202e\u2066-\u2069]/g;

export function isolated(text: string): string {
  return `\u2068${text.replace(DIRECTION_MARKS, "")}\u2069`;
}
