import { CheckOutlined, DownOutlined, PlusOutlined } from "@ant-design/icons";
import { Dropdown } from "antd";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { useNetworks } from "@/api/queries";
import { useMay } from "@/api/session";
import { Name } from "@/components/Name";
import { networkPath, newNetworkPath } from "../paths";
import styles from "./NetworkSwitcher.module.css";

/** Which network the pages are about; the page stays the same one. */
export function NetworkSwitcher({ network }: { network: string }) {
  const { t } = useTranslation();
  const networks = useNetworks().data ?? [];
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const mayCreate = useMay("admin");
  const current = networks.find((one) => one.id === network);
  const page = /^\/n\/[^/]+\/([^/]+)/.exec(pathname)?.[1] ?? "overview";
  const items = networks.map((one) => ({
    key: one.id,
    label: (
      <span className={styles.item}>
        <Name>{one.name}</Name>
        {one.id === network && <CheckOutlined />}
      </span>
    ),
    onClick: () => void navigate(networkPath(one.id, page)),
  }));
  const create = {
    key: "new",
    icon: <PlusOutlined />,
    label: t("shell.newNetwork"),
    onClick: () => void navigate(newNetworkPath),
  };
  return (
    <Dropdown
      trigger={["click"]}
      menu={{ items: mayCreate ? [...items, { type: "divider" as const }, create] : items, className: styles.menu }}
    >
      <button type="button" className={styles.button}>
        <span className={styles.names}>
          <span className={styles.label}>{t("shell.network")}</span>
          <span className={styles.current}>{current ? <Name>{current.name}</Name> : t("shell.noNetwork")}</span>
        </span>
        <DownOutlined className={styles.arrow} />
      </button>
    </Dropdown>
  );
}
