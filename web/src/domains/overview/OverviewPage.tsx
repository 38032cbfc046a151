import { useTranslation } from "react-i18next";
import { useMembers } from "@/api/queries";
import { useNetworkId } from "@/app/paths";
import { Page } from "@/components/Page";
import { QueryState } from "@/components/QueryState";

export default function OverviewPage() {
  const { t } = useTranslation("overview");
  const members = useMembers(useNetworkId());
  return (
    <Page title={t("title")}>
      <QueryState query={members}>{(known) => <p>{known.length}</p>}</QueryState>
    </Page>
  );
}
