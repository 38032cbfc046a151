import { Button, Collapse, Form, Input, InputNumber, Radio } from "antd";
import { useTranslation } from "react-i18next";
import type { Network } from "@/api/documents";
import { newNetworkSecret } from "@/components/networkSecret";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { useNetworkActions, type NewNetwork } from "./networkActions";
import styles from "./NewNetworkForm.module.css";

export const NAME_LIMIT = 63;
export const MTU_LEAST = 1280;
export const MTU_MOST = 9000;
const MTU = 1400;

interface Values {
  name: string;
  approval: Network["approval"];
  psk_mode: Network["psk_mode"];
  ipv4: string;
  ipv6: string;
  mtu: number;
}

interface Props {
  onMade: (network: Network, secret: string | null) => void;
}

export function NewNetworkForm({ onMade }: Props) {
  const { t } = useTranslation("networks");
  const actions = useNetworkActions();
  const repeat = useRepeatKey();
  const request = useRequest(async (values: Values) => {
    const body = bodyOf(values);
    const network = await repeat(body, actions.create);
    onMade(network, network.psk_mode === "end-to-end" ? newNetworkSecret() : null);
  });
  return (
    <Form
      className={styles.form}
      layout="vertical"
      requiredMark={false}
      initialValues={{ name: "", approval: "automatic", psk_mode: "managed", ipv4: "", ipv6: "", mtu: MTU }}
      onFinish={request.run}
    >
      <Form.Item
        name="name"
        label={t("field.name")}
        extra={t("new.nameWhy")}
        rules={[{ required: true, whitespace: true, message: t("field.nameMissing") }]}
      >
        <Input maxLength={NAME_LIMIT} dir="auto" autoComplete="off" placeholder={t("new.nameExample")} />
      </Form.Item>
      <Form.Item name="approval" label={t("field.approval")}>
        <Radio.Group vertical options={["automatic", "manual"].map((one) => ({ value: one, label: t(`approval.${one}`) }))} />
      </Form.Item>
      <Form.Item name="psk_mode" label={t("field.secret")} extra={t("new.secretWhy")}>
        <Radio.Group vertical options={["managed", "end-to-end"].map((one) => ({ value: one, label: t(`secret.${one}`) }))} />
      </Form.Item>
      <Collapse ghost size="small" items={[{ key: "more", label: t("new.more"), forceRender: true, children: <Ranges /> }]} />
      <Button type="primary" htmlType="submit" loading={request.isRunning}>
        {t("new.submit")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}

function Ranges() {
  const { t } = useTranslation("networks");
  return (
    <>
      <Form.Item name="ipv4" label={t("field.ipv4")} extra={t("new.rangeWhy")}>
        <Input className="code" placeholder="10.20.0.0/20" autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item name="ipv6" label={t("field.ipv6")}>
        <Input className="code" placeholder="fd12:3456:789a::/64" autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item name="mtu" label={t("field.mtu")} extra={t("field.mtuWhy")} rules={[{ required: true }]}>
        <InputNumber min={MTU_LEAST} max={MTU_MOST} precision={0} />
      </Form.Item>
    </>
  );
}

function bodyOf(values: Values): NewNetwork {
  return {
    name: values.name.trim(),
    approval: values.approval,
    psk_mode: values.psk_mode,
    ipv4: values.ipv4.trim() || null,
    ipv6: values.ipv6.trim() || null,
    mtu: values.mtu,
  };
}
