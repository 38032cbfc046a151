import { ApartmentOutlined, SettingOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "networks",
  routes: [
    { path: "networks", scope: "controller", page: () => import("./NetworksPage") },
    { path: "networks/new", scope: "controller", page: () => import("./NewNetworkPage") },
    { path: "settings", scope: "network", page: () => import("./NetworkSettingsPage") },
  ],
  menu: [
    { path: "settings", scope: "network", label: "settings.menu", icon: SettingOutlined, order: 90, needs: "auditor" },
    { path: "networks", scope: "controller", label: "menu", icon: ApartmentOutlined, order: 110, needs: "auditor" },
  ],
};
