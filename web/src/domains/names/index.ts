import { TagsOutlined } from "@ant-design/icons";
import type { Domain } from "@/app/domain";

export const domain: Domain = {
  name: "names",
  routes: [{ path: "names", scope: "network", page: () => import("./NamesPage") }],
  menu: [{ path: "names", scope: "network", label: "menu", icon: TagsOutlined, order: 45, needs: "auditor" }],
};
