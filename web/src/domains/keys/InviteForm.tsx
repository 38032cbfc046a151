/** Who may join with an invite, how many of them, and until when. */
import { Button, Collapse, Form, Input, InputNumber, Radio, Select, Switch } from "antd";
import { useTranslation } from "react-i18next";
import type { Network } from "@/api/documents";
import { accept } from "@/components/accept";
import { useKeptSecrets } from "@/components/keptSecrets";
import { isNetworkSecret } from "@/components/networkSecret";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { useInviteActions, type NewInvite } from "./invites";
import { withNetworkSecret } from "./joinLine";

const HOUR = 3600;
const LIFETIMES = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, month: 30 * 24 * HOUR, year: 365 * 24 * HOUR };
type Lifetime = keyof typeof LIFETIMES;
const USES_MOST = 100_000;
const TAG = /^[a-z0-9][a-z0-9-]{0,31}$/;

interface Values {
  uses: number;
  lifetime: Lifetime;
  approval: Network["approval"];
  tags: string[];
  is_ephemeral: boolean;
  addresses: string[];
  secret: string;
}

interface Props {
  network: Network;
  onMade: (joinUrl: string, createdAt: string) => void;
}

export function InviteForm({ network, onMade }: Props) {
  const { t } = useTranslation("keys");
  const [form] = Form.useForm<Values>();
  const actions = useInviteActions(network.id);
  const repeat = useRepeatKey();
  const isEndToEnd = network.psk_mode === "end-to-end";
  const kept = useKeptSecrets();
  const request = useRequest(async (values: Values) => {
    const body = bodyOf(values);
    const made = await repeat(body, actions.create);
    const url = made.join_url ?? "";
    const secret = isEndToEnd ? values.secret.trim().toLowerCase() : "";
    if (secret) kept.keep(network.id, secret);
    onMade(secret ? withNetworkSecret(url, secret) : url, made.created_at);
  });
  const isManual = network.approval === "manual";
  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      initialValues={{
        uses: 1,
        lifetime: "day" satisfies Lifetime,
        approval: isManual ? "manual" : "automatic",
        tags: [],
        is_ephemeral: false,
        addresses: [],
        secret: kept.of(network.id),
      }}
      onFinish={request.run}
    >
      <Form.Item name="uses" label={t("form.uses")} rules={[{ required: true, message: t("form.usesMissing") }]}>
        <InputNumber min={1} max={USES_MOST} precision={0} />
      </Form.Item>
      <Form.Item name="lifetime" label={t("form.lifetime")}>
        <Radio.Group
          optionType="button"
          options={Object.keys(LIFETIMES).map((one) => ({ value: one, label: t(`lifetime.${one}`) }))}
        />
      </Form.Item>
      <Form.Item name="approval" label={t("form.approval")} extra={isManual ? t("form.approvalFixed") : undefined}>
        <Radio.Group
          vertical
          disabled={isManual}
          options={(["automatic", "manual"] as const).map((one) => ({ value: one, label: t(`form.${one}`) }))}
        />
      </Form.Item>
      {isEndToEnd && <SecretField />}
      <Form.Item
        name="tags"
        label={t("form.tags")}
        extra={t("form.tagsWhy")}
        rules={[{ validator: accept((tags: string[]) => tags.every((tag) => TAG.test(tag)), t("form.tagForm")) }]}
      >
        <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[",", " "]} />
      </Form.Item>
      <Form.Item
        name="is_ephemeral"
        layout="horizontal"
        colon={false}
        label={t("form.ephemeral")}
        extra={t("form.ephemeralWhy")}
        valuePropName="checked"
      >
        <Switch size="small" />
      </Form.Item>
      <Collapse
        ghost
        size="small"
        items={[
          {
            key: "addresses",
            label: t("form.addresses"),
            forceRender: true,
            children: (
              <Form.Item name="addresses" extra={t("form.addressesWhy")} label={t("form.addressesLabel")}>
                <Select
                  mode="tags"
                  open={false}
                  suffixIcon={null}
                  tokenSeparators={[",", " "]}
                  placeholder="vpn.example.net:9394"
                />
              </Form.Item>
            ),
          },
        ]}
      />
      <Button type="primary" htmlType="submit" block loading={request.isRunning} style={{ marginTop: 8 }}>
        {t("form.submit")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}

/** The key that the controller must not know is asked for here, and goes into the join line only. */
function SecretField() {
  const { t } = useTranslation("keys");
  return (
    <Form.Item
      name="secret"
      label={t("form.secret")}
      extra={t("form.secretWhy")}
      rules={[{ validator: accept((text: string) => isNetworkSecret(text.trim()), t("form.secretForm")) }]}
    >
      <Input.Password autoComplete="off" />
    </Form.Item>
  );
}

function bodyOf(values: Values): NewInvite {
  return {
    uses: values.uses,
    expires_seconds: LIFETIMES[values.lifetime],
    approval: values.approval,
    tags: values.tags,
    is_ephemeral: values.is_ephemeral,
    addresses: values.addresses,
  };
}
