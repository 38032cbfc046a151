import { ApiOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "webhooks",
  routes: [{ path: "webhooks", scope: "controller", page: () => import("./WebhooksPage") }],
  menu: [{ path: "webhooks", scope: "controller", label: "menu", icon: ApiOutlined, order: 135, needs: "admin" }],
};
