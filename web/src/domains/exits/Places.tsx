/** Gateways, which users speak to, and edges, where their traffic leaves. */
import { Button, Switch, Table, Tag, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import { useRequest } from "@/components/useRequest";
import { useEdges, useExitActions, useGateways, type Edge, type Gateway } from "./exits";
import styles from "./ExitsPage.module.css";
import { PlaceKeyDrawer, type PlaceKind } from "./PlaceKeyDrawer";
import { PlaceKeys } from "./PlaceKeys";
import { EdgeMenu, GatewayMenu } from "./PlaceMenu";

export function Places() {
  const { t } = useTranslation("exits");
  const mayJoin = useMay("admin");
  const mayChange = useMay("operator");
  const [kind, setKind] = useState<PlaceKind | null>(null);
  const gateways = useGateways();
  const edges = useEdges();
  const join = (one: PlaceKind) =>
    mayJoin && (
      <Button size="small" onClick={() => setKind(one)}>
        {t(`places.add.${one}`)}
      </Button>
    );
  return (
    <>
      <div className={styles.head}>
        <h2>{t("places.gateways")}</h2>
        {join("gateway")}
      </div>
      <QueryState query={gateways}>
        {(found) =>
          found.length === 0 ? (
            <EmptyState title={t("places.noGateway")} text={t("places.noGatewayText")} />
          ) : (
            <GatewayTable gateways={found} mayChange={mayChange} mayRemove={mayJoin} />
          )
        }
      </QueryState>
      <div className={styles.head}>
        <h2>{t("places.edges")}</h2>
        {join("edge")}
      </div>
      <QueryState query={edges}>
        {(found) =>
          found.length === 0 ? (
            <EmptyState title={t("places.noEdge")} text={t("places.noEdgeText")} />
          ) : (
            <EdgeTable edges={found} mayChange={mayChange} />
          )
        }
      </QueryState>
      <PlaceKeys />
      {kind !== null && <PlaceKeyDrawer kind={kind} onClose={() => setKind(null)} />}
    </>
  );
}

interface GatewayTableProps {
  gateways: Gateway[];
  mayChange: boolean;
  mayRemove: boolean;
}

function GatewayTable({ gateways, mayChange, mayRemove }: GatewayTableProps) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const menu = useMenuColumn();
  const columns: TableColumnsType<Gateway> = [
    { title: t("users.name"), key: "name", render: (_, { name, id }) => <Name>{name || id}</Name> },
    { title: t("places.state"), key: "state", render: (_, one) => <Presence place={one} /> },
    { title: t("places.edges"), dataIndex: "edges", align: "end", className: "number", responsive: ["sm"] },
    { title: t("users.live"), dataIndex: "streams", align: "end", className: "number", responsive: ["sm"] },
    {
      title: t("places.draining"),
      key: "draining",
      align: "end",
      render: (_, one) => (
        <Choice
          isOn={one.is_draining}
          isReadOnly={!mayChange}
          label={t("places.drainNamed", { name: isolated(one.name || one.id) })}
          set={(is) => actions.drainGateway(one.id, is)}
        />
      ),
    },
  ];
  if (mayRemove) columns.push({ ...menu, render: (_, one) => <GatewayMenu gateway={one} /> });
  return <Table size="small" rowKey="id" columns={columns} dataSource={gateways} pagination={false} />;
}

function EdgeTable({ edges, mayChange }: { edges: Edge[]; mayChange: boolean }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const menu = useMenuColumn();
  const columns: TableColumnsType<Edge> = [
    { title: t("users.name"), key: "name", render: (_, { name, id }) => <Name>{name || id}</Name> },
    {
      title: t("places.where"),
      key: "where",
      responsive: ["md"],
      render: (_, { country, city, address }) => (
        <Name>{[country.toUpperCase(), city, address].filter(Boolean).join(" · ")}</Name>
      ),
    },
    { title: t("places.state"), key: "state", render: (_, one) => <Presence place={one} /> },
    {
      title: t("places.denied"),
      key: "denied",
      align: "end",
      render: (_, one) => (
        <Choice
          isOn={one.is_denied}
          isReadOnly={!mayChange}
          label={t("places.denyNamed", { name: isolated(one.name || one.id) })}
          set={(is) => actions.denyEdge(one.id, is)}
        />
      ),
    },
  ];
  if (mayChange) columns.push({ ...menu, render: (_, one) => <EdgeMenu edge={one} /> });
  return <Table size="small" rowKey="id" columns={columns} dataSource={edges} pagination={{ hideOnSinglePage: true }} />;
}

function useMenuColumn() {
  const { t } = useTranslation("exits");
  return { key: "menu", title: <span className="visually-hidden">{t("actions")}</span>, width: 48, align: "end" as const };
}

function Presence({ place }: { place: Gateway | Edge }) {
  const { t } = useTranslation("exits");
  if (place.is_online) {
    return (
      <Tag variant="outlined" color="success">
        {t("places.online")}
      </Tag>
    );
  }
  return (
    <span className={styles.quiet}>
      <RelativeTime time={place.last_seen_at} />
    </span>
  );
}

interface ChoiceProps {
  isOn: boolean;
  isReadOnly: boolean;
  label: string;
  set: (isOn: boolean) => Promise<void>;
}

/** A switch that shows what the API said, not what was wished; each can be set back. */
function Choice({ isOn, isReadOnly, label, set }: ChoiceProps) {
  const notices = useNotices();
  const request = useRequest((wanted: boolean) => set(wanted).catch(notices.failed));
  return (
    <Switch
      size="small"
      checked={isOn}
      disabled={isReadOnly}
      loading={request.isRunning}
      aria-label={label}
      onChange={request.run}
    />
  );
}
