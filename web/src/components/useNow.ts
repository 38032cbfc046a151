import { useEffect, useState } from "react";

const RENEW_MILLISECONDS = 10_000;

/** The time in Unix milliseconds, renewed every ten seconds: what runs out does so while the page is open. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), RENEW_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
