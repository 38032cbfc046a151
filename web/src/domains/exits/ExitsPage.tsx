/** Exits: who may use them, what carries them, and who went where. */
import { Tabs } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useSession } from "@/api/session";
import { Page, Section } from "@/components/Page";
import { Denials } from "./Denials";
import { ExitUsers } from "./ExitUsers";
import { ExplainChoice } from "./ExplainChoice";
import { LiveStreams } from "./LiveStreams";
import { Packages } from "./Packages";
import { PastStreams } from "./PastStreams";
import { Places } from "./Places";

export default function ExitsPage() {
  const { t } = useTranslation("exits");
  const [search, setSearch] = useSearchParams();
  // As with users and the audit log: who went where is for auditors and admins, and the API refuses it to operators.
  const role = useSession().user?.role;
  const maySeePast = role !== undefined && role !== "operator";
  return (
    <Page title={t("title")} intro={t("intro")}>
      <Section>
        <Tabs
          destroyOnHidden
          // So that all have room on a telephone: the list of those that have none is not for screen readers.
          tabBarGutter={16}
          activeKey={search.get("show") ?? "users"}
          onChange={(key) => setSearch(key === "users" ? {} : { show: key }, { replace: true })}
          items={[
            { key: "users", label: t("tab.users"), children: <ExitUsers /> },
            { key: "packages", label: t("tab.packages"), children: <Packages /> },
            {
              key: "places",
              label: t("tab.places"),
              children: (
                <>
                  <Places />
                  <ExplainChoice />
                  <Denials />
                </>
              ),
            },
            {
              key: "live",
              label: t("tab.live"),
              children: (
                <>
                  <LiveStreams />
                  {maySeePast && <PastStreams />}
                </>
              ),
            },
          ]}
        />
      </Section>
    </Page>
  );
}
