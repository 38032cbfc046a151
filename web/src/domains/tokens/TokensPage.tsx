/** API tokens: what programs log in with. */
import { KeyOutlined, PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState } from "@/components/EmptyState";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { NewTokenDrawer } from "./NewTokenDrawer";
import { useTokens } from "./tokens";
import { TokenTable } from "./TokenTable";

export default function TokensPage() {
  const { t } = useTranslation("tokens");
  const query = useTokens();
  const [isMaking, setMaking] = useState(false);
  const create = (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setMaking(true)}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={query.data?.length ? create : null}>
      <Section>
        <QueryState query={query}>
          {(tokens) =>
            tokens.length === 0 ? (
              <EmptyState icon={<KeyOutlined />} title={t("empty.title")} text={t("empty.text")} action={create} />
            ) : (
              <TokenTable tokens={tokens} />
            )
          }
        </QueryState>
      </Section>
      <NewTokenDrawer isOpen={isMaking} onClose={() => setMaking(false)} />
    </Page>
  );
}
