/** What can be changed of a network. */
import type { Network } from "@/api/documents";
import type { NetworkChange } from "./networkActions";

export const SETTINGS = ["name", "approval", "mtu", "flow_log"] as const;
export type Settings = Pick<Network, (typeof SETTINGS)[number]>;

export function settingsOf(network: Network): Settings {
  return { name: network.name, approval: network.approval, mtu: network.mtu, flow_log: network.flow_log };
}

/** Only what differs, so that nothing is set back that somebody else has changed. */
export function changesOf(wanted: Settings, network: Network): NetworkChange {
  const changed = SETTINGS.filter((name) => wanted[name] !== network[name]);
  return Object.fromEntries(changed.map((name) => [name, wanted[name]]));
}
