import { UserOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "settings",
  routes: [{ path: "account", scope: "controller", page: () => import("./AccountPage") }],
  menu: [{ path: "account", scope: "controller", label: "menu", icon: UserOutlined, order: 190 }],
};
