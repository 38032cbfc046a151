/** The addresses of a network: how many its IPv4 range has, which are taken, and by whom. */
import type { Member } from "@/api/documents";

/** Network and broadcast address are for nobody. */
const NOT_FOR_MEMBERS = 2;

export interface TakenAddress {
  address: string;
  member: Member;
}

/** How many members an IPv4 range has room for. */
export function ipv4Room(range: string): number {
  const length = Number(range.split("/")[1]);
  return Math.max(0, 2 ** (32 - length) - NOT_FOR_MEMBERS);
}

export function isIpv4(address: string): boolean {
  return !address.includes(":");
}

/** In the order of the numbers that they are, IPv4 first. */
export function takenAddresses(members: Member[]): TakenAddress[] {
  return members
    .flatMap((member) => member.addresses.map((address) => ({ address, member })))
    .sort((a, b) => compareAddresses(a.address, b.address));
}

function compareAddresses(one: string, other: string): number {
  if (isIpv4(one) !== isIpv4(other)) return isIpv4(one) ? -1 : 1;
  const a = groupsOf(one);
  const b = groupsOf(other);
  const place = a.findIndex((group, index) => group !== b[index]);
  return place < 0 ? 0 : (a[place] ?? 0) - (b[place] ?? 0);
}

/** The numbers of an address, with what "::" leaves out. */
function groupsOf(address: string): number[] {
  if (isIpv4(address)) return address.split(".").map(Number);
  const [head = "", tail = ""] = address.split("::");
  const first = head ? head.split(":") : [];
  const last = tail ? tail.split(":") : [];
  const gap = Array<string>(8 - first.length - last.length).fill("0");
  return [...first, ...gap, ...last].map((group) => parseInt(group, 16));
}
