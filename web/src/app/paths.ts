/** Where pages are. The network is part of the address, so that a link shows to others what one sees. */
import { useParams } from "react-router";

export const networksPath = "/networks";
export const newNetworkPath = "/networks/new";

export function networkPath(network: string, page: string): string {
  return `/n/${network}/${page}`;
}

export function memberPath(network: string, node: string): string {
  return networkPath(network, `members/${node}`);
}

export function linkPath(network: string, one: string, other: string): string {
  const [a, b] = one < other ? [one, other] : [other, one];
  return networkPath(network, `links/${a}/${b}`);
}

/** The network that the page is about; empty on pages that are about the controller. */
export function useNetworkId(): string {
  return useParams()["network"] ?? "";
}
