import { Button, Collapse, Form, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import styles from "./RoutesPage.module.css";
import { useSubnetDecision } from "./subnetActions";

interface Values {
  node: string;
  subnet: string;
}

/** Approves a network before its machine announces it. */
export function ApproveAhead({ members }: { members: Member[] }) {
  const { t } = useTranslation("routes");
  const [form] = Form.useForm<Values>();
  const decide = useSubnetDecision();
  const notices = useNotices();
  const request = useRequest(async ({ node, subnet }: Values) => {
    const router = members.find((member) => member.id === node);
    if (router === undefined) return;
    await decide(router.network, node, subnet.trim(), true);
    notices.done(t("done.opened", { subnet: subnet.trim(), name: isolated(router.name) }));
    form.resetFields();
  });
  const fields = (
    <Form form={form} layout="vertical" requiredMark={false} onFinish={request.run}>
      <p className={styles.why}>{t("ahead.why")}</p>
      <div className={styles.ahead}>
        <Form.Item name="subnet" label={t("column.subnet")} rules={[{ required: true, message: t("ahead.subnetMissing") }]}>
          <Input className="code" placeholder="192.168.1.0/24" autoComplete="off" spellCheck={false} />
        </Form.Item>
        <Form.Item name="node" label={t("column.router")} rules={[{ required: true, message: t("ahead.routerMissing") }]}>
          <Select
            showSearch={{ optionFilterProp: "label" }}
            options={members.map((member) => ({ value: member.id, label: member.name }))}
          />
        </Form.Item>
      </div>
      <Button htmlType="submit" loading={request.isRunning}>
        {t("ahead.submit")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
  return <Collapse ghost size="small" items={[{ key: "ahead", label: t("ahead.title"), children: fields }]} />;
}
