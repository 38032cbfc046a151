/** The invites to a network: who may still join with one, and making a new one. */
import { PlusOutlined, QrcodeOutlined } from "@ant-design/icons";
import { Button, Segmented } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useNetworkId } from "@/app/paths";
import type { Invite } from "@/api/documents";
import { useMembers } from "@/api/queries";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { useNow } from "@/components/useNow";
import { InviteAssistant } from "./InviteAssistant";
import { InviteTable } from "./InviteTable";
import { stateOf, useInviteActions, useInvites } from "./invites";

export default function InvitesPage() {
  const { t } = useTranslation("keys");
  const network = useNetworkId();
  const mayInvite = useMay("operator");
  const [search, setSearch] = useSearchParams();
  const query = useInvites(network);
  useRenewalAtJoins(network);
  const open = () => setSearch({ new: "" });
  const button = mayInvite && (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={open}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={query.data?.length ? button : null}>
      <QueryState query={query}>
        {(invites) => (
          <Section>
            {invites.length === 0 ? (
              <EmptyState icon={<QrcodeOutlined />} title={t("empty.title")} text={t("empty.text")} action={button} />
            ) : (
              <Listed invites={invites} />
            )}
          </Section>
        )}
      </QueryState>
      {mayInvite && <InviteAssistant network={network} isOpen={search.has("new")} onClose={() => setSearch({})} />}
    </Page>
  );
}

function Listed({ invites }: { invites: Invite[] }) {
  const { t } = useTranslation("keys");
  const [isGoodWanted, setGoodWanted] = useState(true);
  const now = useNow();
  const good = invites.filter((invite) => stateOf(invite, now) === "good");
  const finished = invites.filter((invite) => stateOf(invite, now) !== "good");
  const shown = isGoodWanted ? good : finished;
  return (
    <>
      <Segmented
        style={{ marginBottom: 12 }}
        value={isGoodWanted ? "good" : "finished"}
        onChange={(value) => setGoodWanted(value === "good")}
        options={[
          { value: "good", label: t("list.good", { count: good.length }) },
          { value: "finished", label: t("list.finished", { count: finished.length }) },
        ]}
      />
      {shown.length === 0 ? <EmptyState title={t("list.none")} /> : <InviteTable invites={shown} now={now} />}
    </>
  );
}

/** Each machine that comes may have used an invite up. */
function useRenewalAtJoins(network: string): void {
  const members = useMembers(network).data?.length;
  const { renew } = useInviteActions(network);
  useEffect(() => {
    if (members !== undefined) void renew();
  }, [members, renew]);
}
