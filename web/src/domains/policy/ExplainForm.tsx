/** Whether a packet passes, and which rule says so. */
import { Alert, AutoComplete, Button, Form, InputNumber, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMembers } from "@/api/queries";
import { isolated } from "@/components/isolated";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { explain, type Explanation, type Packet } from "./policies";
import styles from "./PolicyPage.module.css";

const PROTOCOLS = ["tcp", "udp", "sctp", "icmp"];
const PORT_MOST = 65_535;

export function ExplainForm({ network }: { network: string }) {
  const { t } = useTranslation("policy");
  const members = useMembers(network).data ?? [];
  const [found, setFound] = useState<Explanation | null>(null);
  const request = useRequest(async (packet: Packet) => {
    setFound(null);
    setFound(await explain(network, packet));
  });
  const names = members.filter((one) => one.state === "approved").map(({ name }) => ({ value: name }));
  const place = (
    <AutoComplete
      options={names}
      showSearch={{ filterOption: (text, option) => (option?.value ?? "").toLowerCase().includes(text.toLowerCase()) }}
    />
  );
  return (
    <>
      <p className={styles.why}>{t("explain.why")}</p>
      <Form<Packet>
        className={styles.explain}
        layout="vertical"
        requiredMark={false}
        initialValues={{ src: "", dst: "", protocol: "tcp", port: 22 }}
        onFinish={request.run}
      >
        <Form.Item name="src" label={t("access.from")} rules={[{ required: true, message: t("explain.fromMissing") }]}>
          {place}
        </Form.Item>
        <Form.Item name="dst" label={t("access.to")} rules={[{ required: true, message: t("explain.toMissing") }]}>
          {place}
        </Form.Item>
        <Form.Item name="protocol" label={t("explain.protocol")}>
          <Select options={PROTOCOLS.map((one) => ({ value: one, label: one.toUpperCase() }))} />
        </Form.Item>
        <Form.Item noStyle dependencies={["protocol"]}>
          {({ getFieldValue }) =>
            getFieldValue("protocol") !== "icmp" && (
              <Form.Item name="port" label={t("explain.port")} preserve={false}>
                <InputNumber min={0} max={PORT_MOST} precision={0} />
              </Form.Item>
            )
          }
        </Form.Item>
        <Form.Item label=" ">
          <Button type="primary" htmlType="submit" loading={request.isRunning}>
            {t("explain.action")}
          </Button>
        </Form.Item>
      </Form>
      <div role="status">{found && <Answer found={found} />}</div>
      <ProblemNote error={request.error} />
    </>
  );
}

function Answer({ found }: { found: Explanation }) {
  const { t } = useTranslation("policy");
  const isAllowed = found.verdict === "allow";
  const words = { from: isolated(found.from), to: isolated(found.to), traffic: found.traffic };
  return (
    <Alert
      type={isAllowed ? "success" : "error"}
      showIcon
      title={t(isAllowed ? "explain.passes" : "explain.stopped", words)}
      description={
        <>
          <bdi>{found.reason}</bdi>
          {found.line !== null && <div>{t("explain.line", { rule: found.rule, line: found.line })}</div>}
        </>
      }
    />
  );
}
