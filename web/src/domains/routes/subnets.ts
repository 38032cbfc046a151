/** The networks behind members: each announced by machines, and open to others once a person approved it. */
import type { Member } from "@/api/documents";

export interface SubnetRoute {
  subnet: string;
  router: Member;
  isAnnounced: boolean;
  isApproved: boolean;
}

export type SubnetState = "waits" | "open" | "ahead";

/** What waits for a decision first, then by network. */
export function subnetRoutes(members: Member[]): SubnetRoute[] {
  return members
    .flatMap((router) =>
      router.subnets.map((one) => ({
        subnet: one.subnet,
        router,
        isAnnounced: one.is_announced,
        isApproved: one.is_approved,
      })),
    )
    .sort(
      (a, b) =>
        Number(a.isApproved) - Number(b.isApproved) ||
        a.subnet.localeCompare(b.subnet, undefined, { numeric: true }) ||
        a.router.name.localeCompare(b.router.name),
    );
}

export function subnetState(route: SubnetRoute): SubnetState {
  if (!route.isApproved) return "waits";
  return route.isAnnounced ? "open" : "ahead";
}

/** Whether it is the whole internet. */
export function isExit(subnet: string): boolean {
  return subnet === "0.0.0.0/0" || subnet === "::/0";
}
