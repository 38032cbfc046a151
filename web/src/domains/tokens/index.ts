import { KeyOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "tokens",
  routes: [{ path: "tokens", scope: "controller", page: () => import("./TokensPage") }],
  menu: [{ path: "tokens", scope: "controller", label: "menu", icon: KeyOutlined, order: 130 }],
};
