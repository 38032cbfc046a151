import { useRef } from "react";

/**
 * The Idempotency-Key of a request that makes something: the same one as long as the same content is sent, so that a
 * person who tries again after a lost answer does not make it twice.
 */
export function useRepeatKey(): (content: unknown) => string {
  const last = useRef<{ content: string; key: string } | null>(null);
  return (content) => {
    const text = JSON.stringify(content);
    if (last.current?.content !== text) last.current = { content: text, key: randomText() };
    return last.current.key;
  };
}

function randomText(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
