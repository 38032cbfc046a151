/** A check of a form's field: `sentence` is shown where the value is not right. */
export function accept<Value>(isRight: (value: Value) => boolean, sentence: string) {
  return async (_: unknown, value: Value): Promise<void> => {
    if (!isRight(value)) throw new Error(sentence);
  };
}
