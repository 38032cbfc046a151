/** Webhooks: who is told what happens, whether that arrives, and making a new one. */
import { ApiOutlined, PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "@/components/EmptyState";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { WebhookDrawer } from "./WebhookDrawer";
import { useWebhooks, type Webhook } from "./webhooks";
import { WebhookTable } from "./WebhookTable";

export default function WebhooksPage() {
  const { t } = useTranslation("webhooks");
  const query = useWebhooks();
  const [edited, setEdited] = useState<Webhook | "new" | null>(null);
  const create = (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEdited("new")}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={query.data?.length ? create : null}>
      <Section>
        <QueryState query={query}>
          {(webhooks) =>
            webhooks.length === 0 ? (
              <EmptyState icon={<ApiOutlined />} title={t("empty.title")} text={t("empty.text")} action={create} />
            ) : (
              <WebhookTable webhooks={webhooks} onEdit={setEdited} />
            )
          }
        </QueryState>
      </Section>
      {edited !== null && <WebhookDrawer webhook={edited === "new" ? null : edited} onClose={() => setEdited(null)} />}
    </Page>
  );
}
