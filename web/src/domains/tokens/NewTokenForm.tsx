import { Button, Form, Input, Radio } from "antd";
import { useTranslation } from "react-i18next";
import { accept } from "@/components/accept";
import { ProblemNote } from "@/components/ProblemNote";
import { QueryState } from "@/components/QueryState";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { ScopeMatrix } from "./ScopeMatrix";
import { useScopeAreas, useTokenActions } from "./tokens";

const DAY = 86_400;
const LIFETIMES = { week: 7 * DAY, month: 30 * DAY, quarter: 90 * DAY, year: 365 * DAY };
type Lifetime = keyof typeof LIFETIMES;
const NAME_LIMIT = 63;

interface Values {
  name: string;
  lifetime: Lifetime;
  scopes: string[];
}

export function NewTokenForm({ onMade }: { onMade: (token: string) => void }) {
  const { t } = useTranslation("tokens");
  const areas = useScopeAreas();
  const actions = useTokenActions();
  const repeat = useRepeatKey();
  const request = useRequest(async (values: Values) => {
    const body = {
      name: values.name.trim(),
      scopes: values.scopes,
      expires_seconds: LIFETIMES[values.lifetime],
      user: null,
    };
    const made = await repeat(body, actions.create);
    onMade(made.token ?? "");
  });
  return (
    <Form
      layout="vertical"
      requiredMark={false}
      initialValues={{ name: "", lifetime: "quarter" satisfies Lifetime, scopes: [] }}
      onFinish={request.run}
    >
      <Form.Item
        name="name"
        label={t("column.name")}
        extra={t("form.nameWhy")}
        rules={[{ required: true, whitespace: true, message: t("form.nameMissing") }]}
      >
        <Input maxLength={NAME_LIMIT} dir="auto" autoComplete="off" />
      </Form.Item>
      <Form.Item name="lifetime" label={t("column.until")}>
        <Radio.Group
          optionType="button"
          options={Object.keys(LIFETIMES).map((one) => ({ value: one, label: t(`lifetime.${one}`) }))}
        />
      </Form.Item>
      <QueryState query={areas}>
        {(found) => (
          <Form.Item
            name="scopes"
            label={t("form.scopes")}
            extra={t("form.scopesWhy")}
            rules={[{ validator: accept((scopes: string[]) => scopes.length > 0, t("form.scopesMissing")) }]}
          >
            <ScopeMatrix areas={found} />
          </Form.Item>
        )}
      </QueryState>
      <Button type="primary" htmlType="submit" block loading={request.isRunning} disabled={areas.data === undefined}>
        {t("form.submit")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}
