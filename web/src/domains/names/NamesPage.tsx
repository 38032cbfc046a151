/** DNS names: what machines behind members are called, and what members are. */
import { PlusOutlined, TagsOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNetworkId } from "@/app/paths";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { MemberNames } from "./MemberNames";
import { NameDrawer } from "./NameDrawer";
import { useNames, type OwnName } from "./names";
import { NameTable } from "./NameTable";

export default function NamesPage() {
  const { t } = useTranslation("names");
  const network = useNetworkId();
  const mayChange = useMay("operator");
  const query = useNames(network);
  const [edited, setEdited] = useState<OwnName | "new" | null>(null);
  const create = mayChange && (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setEdited("new")}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={query.data?.items.length ? create : null}>
      <QueryState query={query}>
        {(found) => (
          <>
            <Section title={t("own.title")}>
              {found.items.length === 0 ? (
                <EmptyState
                  icon={<TagsOutlined />}
                  title={t("empty.title")}
                  text={t("empty.text", { example: `printer.${found.origin}` })}
                  action={create}
                />
              ) : (
                <NameTable network={network} names={found.items} onEdit={mayChange ? setEdited : undefined} />
              )}
            </Section>
            <Section title={t("members.title")}>
              <MemberNames network={network} names={found.members} />
            </Section>
            {edited !== null && (
              <NameDrawer
                network={network}
                origin={found.origin}
                edited={edited === "new" ? null : edited}
                taken={found.items}
                onClose={() => setEdited(null)}
              />
            )}
          </>
        )}
      </QueryState>
    </Page>
  );
}
