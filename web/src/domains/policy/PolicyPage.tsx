/**
 * Who may reach whom: the policy as text, what it would change, what there was before, why a packet passes, and what
 * members decided.
 */
import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useNetworkId } from "@/app/paths";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { ExplainForm } from "./ExplainForm";
import { FlowLog } from "./FlowLog";
import { useMayReadFlows } from "./flows";
import { PolicyHistory } from "./PolicyHistory";
import { PolicyWorkshop } from "./PolicyWorkshop";
import { usePolicy } from "./policies";

export default function PolicyPage() {
  const { t } = useTranslation("policy");
  const network = useNetworkId();
  const query = usePolicy(network);
  const [search, setSearch] = useSearchParams();
  const mayReadFlows = useMayReadFlows();
  return (
    <Page title={t("title")} intro={t("intro")}>
      <Section>
        <QueryState query={query}>
          {(policy) => (
            <Tabs
              // So that all have room on a telephone: the list of those that have none is not for screen readers.
              tabBarGutter={16}
              activeKey={search.get("show") ?? "edit"}
              onChange={(key) => setSearch(key === "edit" ? {} : { show: key }, { replace: true })}
              items={[
                {
                  key: "edit",
                  label: t("tab.edit"),
                  children: <PolicyWorkshop key={network} network={network} saved={policy} />,
                },
                {
                  key: "explain",
                  label: t("tab.explain"),
                  // What it asks stands in the page's address, which is that of one tab; so it is with the log.
                  destroyOnHidden: true,
                  children: <ExplainForm network={network} />,
                },
                {
                  key: "history",
                  label: t("tab.history"),
                  children: <PolicyHistory network={network} current={policy} />,
                },
                ...(mayReadFlows
                  ? [
                      {
                        key: "flows",
                        label: t("tab.flows"),
                        destroyOnHidden: true,
                        children: <FlowLog network={network} />,
                      },
                    ]
                  : []),
              ]}
            />
          )}
        </QueryState>
      </Section>
    </Page>
  );
}
