import { GlobalOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "exits",
  routes: [{ path: "exits", scope: "controller", page: () => import("./ExitsPage") }],
  menu: [{ path: "exits", scope: "controller", label: "menu", icon: GlobalOutlined, order: 118, needs: "auditor" }],
  isOffered: (paths) => paths.has("/exits/users"),
};
