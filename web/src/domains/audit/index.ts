import { AuditOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "audit",
  routes: [{ path: "audit", scope: "controller", page: () => import("./AuditPage") }],
  menu: [
    {
      path: "audit",
      scope: "controller",
      label: "menu",
      icon: AuditOutlined,
      order: 150,
      needs: "auditor",
      butNot: "operator",
    },
  ],
};
