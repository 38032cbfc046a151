import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "links",
  routes: [{ path: "links/:a/:b", scope: "network", page: () => import("./LinkPage") }],
  menu: [],
};
