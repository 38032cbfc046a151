/**
 * What gateways say of their open streams. The API hands their documents on as they are, so each may be of another
 * version: what is not as expected is left out, and never breaks the page.
 */
import { numberOf, recordOf, textOf } from "./documents";

export interface LiveStream {
  gateway: string;
  number: number;
  user: string;
  target: string;
  edge: string;
  seconds: number;
  /** Bytes. */
  up: number;
  down: number;
}

export interface GatewayAnswer {
  gateway: string;
  total: number;
  streams: LiveStream[];
  /** Why there are none; null: it answered. */
  error: string | null;
}

export function readLive(gateways: Record<string, unknown>): GatewayAnswer[] {
  return Object.entries(gateways).map(([gateway, answer]) => {
    const { total, streams, error } = recordOf(answer);
    if (!Array.isArray(streams)) return { gateway, total: 0, streams: [], error: textOf(error) };
    const found = streams.map((one) => streamOf(gateway, recordOf(one)));
    return { gateway, total: Math.max(numberOf(total), found.length), streams: found, error: null };
  });
}

function streamOf(gateway: string, one: Record<string, unknown>): LiveStream {
  return {
    gateway,
    number: numberOf(one["number"]),
    user: textOf(one["user"]),
    target: textOf(one["target"]),
    edge: textOf(one["edge"]),
    seconds: numberOf(one["seconds"]),
    up: numberOf(one["up"]),
    down: numberOf(one["down"]),
  };
}
