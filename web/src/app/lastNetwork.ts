/** The network that was looked at last in this browser. */
const STORED_AS = "zerogo.network";

export function lastNetwork(): string | null {
  return localStorage.getItem(STORED_AS);
}

export function rememberNetwork(network: string): void {
  if (network !== "" && network !== lastNetwork()) localStorage.setItem(STORED_AS, network);
}
