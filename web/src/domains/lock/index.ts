import { LockOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "lock",
  routes: [{ path: "lock", scope: "network", page: () => import("./LockPage") }],
  menu: [{ path: "lock", scope: "network", label: "menu", icon: LockOutlined, order: 60, needs: "auditor" }],
};
