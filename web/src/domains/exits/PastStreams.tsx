import { Button, Form, Input, Skeleton, Table, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { formatBytes, formatDuration, formatTime } from "@/components/format";
import { Name } from "@/components/Name";
import { ProblemNote } from "@/components/ProblemNote";
import { useEdges } from "./exits";
import styles from "./ExitsPage.module.css";
import { usePastStreams, type PastStream, type Question } from "./pastStreams";

const ADDRESS_MOST = 255;
const ALL: Question = { exitAddress: "", at: "" };

/** Who went where by which exit; and who it was that a website complains of. */
export function PastStreams() {
  const { t } = useTranslation("exits");
  const [question, setQuestion] = useState(ALL);
  const [form] = Form.useForm<Question>();
  const query = usePastStreams(question);
  const streams = query.data?.pages.flatMap((page) => page.items);
  const isAsking = question !== ALL;
  const ask = ({ exitAddress, at }: Question) => setQuestion({ exitAddress: exitAddress.trim(), at });
  const clear = () => {
    form.resetFields();
    setQuestion(ALL);
  };
  return (
    <>
      <h2 className={styles.heading}>{t("past.title")}</h2>
      <p className={styles.why}>{t("past.why")}</p>
      <Form<Question>
        form={form}
        className={styles.line}
        layout="vertical"
        requiredMark={false}
        initialValues={ALL}
        onFinish={ask}
      >
        <Form.Item
          name="exitAddress"
          label={t("past.address")}
          rules={[{ required: true, whitespace: true, message: t("past.addressMissing") }]}
        >
          <Input className="code" placeholder="203.0.113.9" maxLength={ADDRESS_MOST} spellCheck={false} />
        </Form.Item>
        <Form.Item name="at" label={t("past.at")}>
          <Input type="datetime-local" step={1} />
        </Form.Item>
        <Button htmlType="submit" loading={isAsking && query.isFetching}>
          {t("past.ask")}
        </Button>
        {isAsking && (
          <Button type="text" onClick={clear}>
            {t("past.all")}
          </Button>
        )}
      </Form>
      {streams === undefined && !query.isError && <Skeleton active title={false} paragraph={{ rows: 4 }} />}
      {streams?.length === 0 && <p role="status">{t(isAsking ? "past.nobody" : "past.empty")}</p>}
      {streams !== undefined && streams.length > 0 && <StreamTable streams={streams} />}
      <ProblemNote error={query.error} />
      {(query.hasNextPage || query.isError) && (
        <Button
          loading={query.isFetching}
          onClick={() => void (streams === undefined ? query.refetch() : query.fetchNextPage())}
        >
          {t(streams === undefined ? "common:action.retry" : "past.older")}
        </Button>
      )}
    </>
  );
}

function StreamTable({ streams }: { streams: PastStream[] }) {
  const { t } = useTranslation("exits");
  const edges = new Map(useEdges().data?.map((one) => [one.id, one.name]));
  const columns: TableColumnsType<PastStream> = [
    { title: t("past.ended"), key: "ended", responsive: ["sm"], render: (_, { ended_at }) => formatTime(ended_at) },
    {
      title: t("live.user"),
      key: "user",
      render: (_, { user, source }) => (
        <>
          <Name>{user}</Name>
          <div className={`code ${styles.quiet}`}>{source}</div>
        </>
      ),
    },
    { title: t("live.target"), key: "target", ellipsis: true, render: (_, { target }) => <Name>{target}</Name> },
    {
      title: t("live.edge"),
      key: "edge",
      responsive: ["md"],
      render: (_, { edge, exit_address }) => (
        <>
          <Name>{edges.get(edge) || edge}</Name>
          <div className={`code ${styles.quiet}`}>{exit_address}</div>
        </>
      ),
    },
    {
      title: t("live.for"),
      key: "for",
      align: "end",
      className: "number",
      responsive: ["lg"],
      render: (_, { seconds }) => formatDuration(seconds),
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
    <Table
      size="small"
      rowKey={({ gateway, number, ended_at }) => `${gateway} ${number} ${ended_at}`}
      columns={columns}
      dataSource={streams}
      pagination={false}
      className={styles.table}
    />
  );
}
