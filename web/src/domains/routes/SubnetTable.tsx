import { BranchesOutlined } from "@ant-design/icons";
import { Table, Tag, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { memberPath } from "@/app/paths";
import type { Member } from "@/api/documents";
import { useMay } from "@/api/session";
import { CopyText } from "@/components/CopyText";
import { EmptyState } from "@/components/EmptyState";
import { Name } from "@/components/Name";
import { ApproveAhead } from "./ApproveAhead";
import styles from "./RoutesPage.module.css";
import { SubnetSwitch } from "./SubnetSwitch";
import { isExit, subnetRoutes, subnetState, type SubnetRoute } from "./subnets";

const ROWS = 50;

/** The networks behind members, and whether others may reach them. */
export function SubnetTable({ members }: { members: Member[] }) {
  const { t } = useTranslation("routes");
  const mayDecide = useMay("operator");
  const found = subnetRoutes(members);
  const columns: TableColumnsType<SubnetRoute> = [
    { title: t("column.subnet"), key: "subnet", render: (_, route) => <Subnet route={route} /> },
    {
      title: t("column.router"),
      key: "router",
      render: (_, { router }) => (
        <Link className={styles.member} to={memberPath(router.network, router.id)}>
          <Name>{router.name}</Name>
        </Link>
      ),
    },
    {
      title: t("column.state"),
      key: "state",
      responsive: ["md"],
      render: (_, route) => <State route={route} />,
    },
    {
      title: t("column.open"),
      key: "open",
      align: "end",
      width: 90,
      render: (_, route) => <SubnetSwitch route={route} isReadOnly={!mayDecide} />,
    },
  ];
  return (
    <>
      {found.length === 0 ? (
        <EmptyState
          icon={<BranchesOutlined />}
          title={t("empty.title")}
          text={t("empty.text")}
          action={<CopyText text="zerogo routes announce 192.168.1.0/24" isBlock />}
        />
      ) : (
        <Table
          size="small"
          rowKey={({ subnet, router }) => `${subnet} ${router.id}`}
          columns={columns}
          dataSource={found}
          pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
        />
      )}
      {mayDecide && members.length > 0 && <ApproveAhead members={members} />}
    </>
  );
}

function Subnet({ route }: { route: SubnetRoute }) {
  const { t } = useTranslation("routes");
  return (
    <div className={styles.subnet}>
      <span className="code">{route.subnet}</span>
      {isExit(route.subnet) && <Tag variant="outlined">{t("exit")}</Tag>}
    </div>
  );
}

function State({ route }: { route: SubnetRoute }) {
  const { t } = useTranslation("routes");
  const state = subnetState(route);
  if (state === "open" && !route.router.is_online) return t("state.offline");
  return t(`state.${state}`);
}
