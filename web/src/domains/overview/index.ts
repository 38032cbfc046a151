import { DashboardOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "overview",
  routes: [{ path: "overview", scope: "network", page: () => import("./OverviewPage") }],
  menu: [{ path: "overview", scope: "network", label: "menu", icon: DashboardOutlined, order: 10, needs: "auditor" }],
};
