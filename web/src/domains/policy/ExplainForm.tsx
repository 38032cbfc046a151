/** Whether a packet passes, and which rule says so. */
import { Alert, AutoComplete, Button, Form, InputNumber, Select } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useMembers } from "@/api/queries";
import { isolated } from "@/components/isolated";
import { ProblemNote } from "@/components/ProblemNote";
import { EXPLAINED, isWhole, PORTED, readPacket, writePacket } from "./explained";
import { useExplanation, type Explanation, type Packet } from "./policies";
import styles from "./PolicyPage.module.css";

const PORT_MOST = 65_535;

export function ExplainForm({ network }: { network: string }) {
  const { t } = useTranslation("policy");
  const members = useMembers(network).data ?? [];
  const [search, setSearch] = useSearchParams();
  const packet = readPacket(search);
  const query = useExplanation(network, packet, isWhole(packet));
  const ask = (wanted: Packet) => {
    const words = writePacket(wanted);
    const isSame = JSON.stringify(words) === JSON.stringify(writePacket(packet));
    if (isSame && search.has("src")) void query.refetch();
    else setSearch({ show: "explain", ...words }, { replace: true });
  };
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
        initialValues={packet}
        onFinish={ask}
      >
        <Form.Item name="src" label={t("access.from")} rules={[{ required: true, message: t("explain.fromMissing") }]}>
          {place}
        </Form.Item>
        <Form.Item name="dst" label={t("access.to")} rules={[{ required: true, message: t("explain.toMissing") }]}>
          {place}
        </Form.Item>
        <Form.Item name="protocol" label={t("explain.protocol")}>
          <Select options={EXPLAINED.map((one) => ({ value: one, label: one.toUpperCase() }))} />
        </Form.Item>
        <Form.Item noStyle dependencies={["protocol"]}>
          {({ getFieldValue }) =>
            PORTED.includes(getFieldValue("protocol") as string) && (
              <Form.Item name="port" label={t("explain.port")} preserve={false}>
                <InputNumber min={0} max={PORT_MOST} precision={0} />
              </Form.Item>
            )
          }
        </Form.Item>
        <Form.Item label=" " className={styles.ask}>
          <Button type="primary" htmlType="submit" loading={query.isFetching}>
            {t("explain.action")}
          </Button>
        </Form.Item>
      </Form>
      <div role="status">{query.data && !query.isFetching && <Answer found={query.data} />}</div>
      <ProblemNote error={query.isFetching ? null : query.error} />
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
