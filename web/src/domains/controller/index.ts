import { ControlOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "controller",
  routes: [{ path: "controller", scope: "controller", page: () => import("./ControllerPage") }],
  menu: [{ path: "controller", scope: "controller", label: "menu", icon: ControlOutlined, order: 180, needs: "admin" }],
};
