import { CloudServerOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "relays",
  routes: [{ path: "relays", scope: "controller", page: () => import("./RelaysPage") }],
  menu: [
    { path: "relays", scope: "controller", label: "menu", icon: CloudServerOutlined, order: 115, needs: "auditor" },
  ],
  isOffered: (paths) => paths.has("/relays"),
};
