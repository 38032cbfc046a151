import { useCallback, useState } from "react";

interface RequestState<Args extends unknown[]> {
  run: (...args: Args) => void;
  isRunning: boolean;
  /** Why the last one was refused; null: it was not. */
  error: unknown;
}

/** A request that a person starts: whether it runs, and why it was refused. What was typed is the caller's to keep. */
export function useRequest<Args extends unknown[]>(request: (...args: Args) => Promise<unknown>): RequestState<Args> {
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = useCallback(
    (...args: Args) => {
      setRunning(true);
      setError(null);
      request(...args)
        .catch(setError)
        .finally(() => setRunning(false));
    },
    [request],
  );
  return { run, isRunning, error };
}
