import { Alert, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { EmptyState } from "@/components/EmptyState";
import { formatBytes, formatDuration } from "@/components/format";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { QueryState } from "@/components/QueryState";
import { useNow } from "@/components/useNow";
import { useEdges, useGateways, useLiveStreams } from "./exits";
import { readLive, type GatewayAnswer, type LiveStream } from "./liveStreams";

const ROWS = 50;

/** What is open at this moment, as the gateways say. */
export function LiveStreams() {
  const query = useLiveStreams();
  return (
    <QueryState query={query}>
      {(gateways) => <Answers answers={readLive(gateways)} readAt={query.dataUpdatedAt} />}
    </QueryState>
  );
}

function Answers({ answers, readAt }: { answers: GatewayAnswer[]; readAt: number }) {
  const { t } = useTranslation("exits");
  const since = Math.max(0, useNow() - readAt) / 1000;
  const names = new Map(useGateways().data?.map((one) => [one.id, one.name]));
  const edges = new Map(useEdges().data?.map((one) => [one.id, one.name]));
  const streams = answers.flatMap((answer) => answer.streams);
  const total = answers.reduce((sum, answer) => sum + answer.total, 0);
  const columns: TableColumnsType<LiveStream> = [
    { title: t("live.user"), key: "user", render: (_, { user }) => <Name>{user}</Name> },
    { title: t("live.target"), key: "target", ellipsis: true, render: (_, { target }) => <Name>{target}</Name> },
    {
      title: t("live.edge"),
      key: "edge",
      responsive: ["md"],
      render: (_, { edge }) => <Name>{edges.get(edge) || edge}</Name>,
    },
    {
      title: t("live.for"),
      key: "for",
      align: "end",
      className: "number",
      responsive: ["md"],
      render: (_, { seconds }) => formatDuration(seconds + since),
    },
    {
      title: t("live.passed"),
      key: "passed",
      align: "end",
      className: "number",
      render: (_, { up, down }) => formatBytes(up + down),
    },
  ];
  return (
    <>
      {answers
        .filter((answer) => answer.error !== null)
        .map((answer) => (
          <Alert
            key={answer.gateway}
            type="warning"
            showIcon
            title={t("live.silent", { name: isolated(names.get(answer.gateway) || answer.gateway) })}
            style={{ marginBottom: 12 }}
          />
        ))}
      {streams.length === 0 ? (
        <EmptyState title={t("live.empty")} text={t("live.emptyText")} />
      ) : (
        <>
          <p role="status">{t("live.shown", { shown: streams.length, total })}</p>
          <Table
            size="small"
            rowKey={({ gateway, number }) => `${gateway} ${number}`}
            columns={columns}
            dataSource={streams}
            pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
          />
        </>
      )}
    </>
  );
}
