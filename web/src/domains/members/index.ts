import { DesktopOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

const page = () => import("./MembersPage");

export const domain: Domain = {
  name: "members",
  routes: [{ path: "members/:node?", scope: "network", page }],
  menu: [{ path: "members", scope: "network", label: "menu", icon: DesktopOutlined, order: 30, needs: "auditor" }],
};
