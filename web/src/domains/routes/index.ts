import { BranchesOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "routes",
  routes: [{ path: "routes", scope: "network", page: () => import("./RoutesPage") }],
  menu: [{ path: "routes", scope: "network", label: "menu", icon: BranchesOutlined, order: 40, needs: "auditor" }],
};
