import { useRef } from "react";

/**
 * Sends a request that makes something, with an Idempotency-Key: the same one as long as the same content is sent and no
 * answer has come, so that a person who tries again after a lost answer does not make it twice. Once it is made the key
 * is of no use: who makes the same again, after removing it for instance, means it.
 */
export function useRepeatKey(): <Content, Made>(
  content: Content,
  send: (content: Content, key: string) => Promise<Made>,
) => Promise<Made> {
  const last = useRef<{ content: string; key: string } | null>(null);
  return async (content, send) => {
    const text = JSON.stringify(content);
    if (last.current?.content !== text) last.current = { content: text, key: randomText() };
    const made = await send(content, last.current.key);
    last.current = null;
    return made;
  };
}

function randomText(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
