import { Alert, Button, Form, Input, Table, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { formatMilliseconds } from "@/components/format";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { explainChoice, type Candidate, type Choice } from "./choices";
import { useGateways } from "./exits";
import styles from "./ExitsPage.module.css";

const TEXT_MOST = 255;
const TARGET = "example.com:443";

interface Fields {
  username: string;
  target: string;
}

/** Which edge a client would be given for what it says as its user name, and why not the others. */
export function ExplainChoice() {
  const { t } = useTranslation("exits");
  const [found, setFound] = useState<Choice[] | null>(null);
  const request = useRequest(async ({ username, target }: Fields) => {
    setFound(null);
    setFound(await explainChoice(username.trim(), target.trim() || TARGET));
  });
  return (
    <>
      <h2 className={styles.heading}>{t("explain.title")}</h2>
      <p className={styles.why}>{t("explain.why")}</p>
      <Form<Fields>
        className={styles.line}
        layout="vertical"
        requiredMark={false}
        initialValues={{ username: "", target: TARGET }}
        onFinish={request.run}
      >
        <Form.Item
          name="username"
          label={t("explain.username")}
          rules={[{ required: true, whitespace: true, message: t("explain.usernameMissing") }]}
        >
          <Input className="code" placeholder="alice-country-de" maxLength={TEXT_MOST} spellCheck={false} autoComplete="off" />
        </Form.Item>
        <Form.Item name="target" label={t("explain.target")}>
          <Input className="code" maxLength={TEXT_MOST} spellCheck={false} />
        </Form.Item>
        <Button htmlType="submit" loading={request.isRunning}>
          {t("explain.ask")}
        </Button>
      </Form>
      <div role="status" className={styles.answers}>
        {found?.length === 0 && t("explain.noGateway")}
        {found?.map((one) => <Answer key={one.gateway} choice={one} />)}
      </div>
      <ProblemNote error={request.error} />
    </>
  );
}

function Answer({ choice }: { choice: Choice }) {
  const { t, i18n } = useTranslation("exits");
  const names = new Map(useGateways().data?.map((one) => [one.id, one.name]));
  const gateway = isolated(names.get(choice.gateway) || choice.gateway);
  if (choice.error !== null) {
    return <Alert type="warning" showIcon title={t("explain.failed", { gateway, error: choice.error })} />;
  }
  const chosen = choice.candidates.find((one) => one.edge === choice.chosen)?.name || choice.chosen;
  const reasons = choice.excluded.map(([reason, count]) => ({
    reason,
    text: i18n.exists(`exits:leftOut.${reason}`, { count }) ? t(`leftOut.${reason}`, { count }) : `${reason}: ${count}`,
  }));
  return (
    <div>
      <Alert
        type={chosen ? "success" : "error"}
        showIcon
        title={chosen ? t("explain.takes", { gateway, edge: isolated(chosen) }) : t("explain.none", { gateway })}
        description={
          reasons.length > 0 && (
            <ul className={styles.reasons}>
              {reasons.map(({ reason, text }) => (
                <li key={reason}>{text}</li>
              ))}
            </ul>
          )
        }
      />
      {choice.candidates.length > 1 && <Candidates candidates={choice.candidates} />}
    </div>
  );
}

function Candidates({ candidates }: { candidates: Candidate[] }) {
  const { t } = useTranslation("exits");
  const columns: TableColumnsType<Candidate> = [
    { title: t("explain.candidates"), key: "name", render: (_, { name, edge }) => <Name>{name || edge}</Name> },
    {
      title: t("explain.rtt"),
      key: "rtt",
      align: "end",
      className: "number",
      render: (_, { rttMilliseconds: rtt }) => (rtt === null ? "–" : formatMilliseconds(rtt)),
    },
    { title: t("users.live"), dataIndex: "streams", align: "end", className: "number" },
  ];
  return <Table size="small" rowKey="edge" columns={columns} dataSource={candidates} pagination={false} />;
}
