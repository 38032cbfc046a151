import { DeploymentUnitOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "topology",
  routes: [{ path: "topology", scope: "network", page: () => import("./TopologyPage") }],
  menu: [
    { path: "topology", scope: "network", label: "menu", icon: DeploymentUnitOutlined, order: 20, needs: "auditor" },
  ],
};
