import { TeamOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "users",
  routes: [{ path: "users", scope: "controller", page: () => import("./UsersPage") }],
  menu: [
    {
      path: "users",
      scope: "controller",
      label: "menu",
      icon: TeamOutlined,
      order: 120,
      needs: "auditor",
      butNot: "operator",
    },
  ],
};
