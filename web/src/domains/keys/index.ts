import { QrcodeOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "keys",
  routes: [{ path: "keys", scope: "network", page: () => import("./InvitesPage") }],
  menu: [{ path: "keys", scope: "network", label: "menu", icon: QrcodeOutlined, order: 35, needs: "auditor" }],
};
