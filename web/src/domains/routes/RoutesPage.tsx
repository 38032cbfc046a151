/** What lies behind members, and the addresses that members have. */
import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useNetworkId } from "@/app/paths";
import { useMembers, useNetwork } from "@/api/queries";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { AddressTable } from "./AddressTable";
import { SubnetTable } from "./SubnetTable";

export default function RoutesPage() {
  const { t } = useTranslation("routes");
  const id = useNetworkId();
  const network = useNetwork(id);
  const query = useMembers(id);
  const [search, setSearch] = useSearchParams();
  return (
    <Page title={t("title")} intro={t("intro")}>
      <QueryState query={query}>
        {(members) => (
          <Section>
            <Tabs
              activeKey={search.get("show") ?? "subnets"}
              onChange={(key) => setSearch(key === "subnets" ? {} : { show: key }, { replace: true })}
              items={[
                { key: "subnets", label: t("tab.subnets"), children: <SubnetTable members={members} /> },
                {
                  key: "addresses",
                  label: t("tab.addresses"),
                  children: network && <AddressTable network={network} members={members} />,
                },
              ]}
            />
          </Section>
        )}
      </QueryState>
    </Page>
  );
}
