/** A question about one packet, in the page's address: so that a link asks it, and shows to others what one sees. */
import type { Packet } from "./policies";

/** Protocols that can be chosen. */
export const EXPLAINED: readonly string[] = ["tcp", "udp", "sctp", "icmp"];
/** Those that have ports. */
export const PORTED: readonly string[] = ["tcp", "udp", "sctp"];

const FIRST: Packet = { src: "", dst: "", protocol: "tcp", port: 22 };

/** What the form begins with. */
export function readPacket(search: URLSearchParams): Packet {
  const protocol = search.get("protocol") ?? FIRST.protocol;
  if (!search.has("src") || !EXPLAINED.includes(protocol)) return FIRST;
  const port = Number(search.get("port") ?? Number.NaN);
  return {
    src: search.get("src") ?? "",
    dst: search.get("dst") ?? "",
    protocol,
    port: PORTED.includes(protocol) && Number.isInteger(port) ? port : null,
  };
}

export function writePacket({ src, dst, protocol, port }: Packet): Record<string, string> {
  return { src, dst, protocol, ...(PORTED.includes(protocol) && port !== null && { port: String(port) }) };
}

/** Whether it says enough to be asked. */
export function isWhole({ src, dst }: Packet): boolean {
  return src !== "" && dst !== "";
}
