import { SafetyCertificateOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "policy",
  routes: [{ path: "policy", scope: "network", page: () => import("./PolicyPage") }],
  menu: [
    { path: "policy", scope: "network", label: "menu", icon: SafetyCertificateOutlined, order: 50, needs: "auditor" },
  ],
  isOffered: (paths) => paths.has("/networks/{network}/policy"),
};
