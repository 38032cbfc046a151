/** A network's settings, and its end. */
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { networksPath, useNetworkId } from "@/app/paths";
import type { Network } from "@/api/documents";
import { useMay } from "@/api/session";
import { useConfirm } from "@/components/confirm";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import { useNetworkActions, useTaggedNetwork } from "./networkActions";
import { NetworkSettingsForm } from "./NetworkSettingsForm";

export default function NetworkSettingsPage() {
  const { t } = useTranslation("networks");
  const id = useNetworkId();
  const mayChange = useMay("admin");
  const query = useTaggedNetwork(id);
  return (
    <Page title={t("settings.title")} intro={mayChange ? undefined : t("settings.readOnly")}>
      <QueryState query={query}>
        {(read) => (
          <>
            <Section title={t("settings.change")}>
              <NetworkSettingsForm key={read.network.id} read={read} isReadOnly={!mayChange} />
            </Section>
            <Section title={t("settings.fixed")}>
              <Fixed network={read.network} />
            </Section>
            {mayChange && (
              <Section title={t("delete.section")}>
                <Delete network={read.network} />
              </Section>
            )}
          </>
        )}
      </QueryState>
    </Page>
  );
}

/** What stays as it was made. */
function Fixed({ network }: { network: Network }) {
  const { t } = useTranslation("networks");
  const ranges = [network.ipv4, network.ipv6].filter((range) => range !== null);
  return (
    <FactList
      facts={[
        { label: t("field.id"), value: <CopyText text={network.id} /> },
        ...ranges.map((range) => ({ label: t("field.range"), value: <CopyText text={range} /> })),
        { label: t("field.secret"), value: t(`secret.${network.psk_mode}`) },
        { label: t("field.made"), value: <RelativeTime time={network.created_at} /> },
        { label: t("field.revision"), value: <span className="number">{network.revision}</span> },
      ]}
    />
  );
}

function Delete({ network }: { network: Network }) {
  const { t } = useTranslation("networks");
  const confirm = useConfirm();
  const notices = useNotices();
  const navigate = useNavigate();
  const actions = useNetworkActions();
  const name = isolated(network.name);
  const ask = () =>
    confirm({
      title: t("delete.title", { name }),
      consequences: [
        t("delete.members", { count: network.members + network.pending }),
        t("delete.invites"),
        t("delete.final"),
      ],
      action: t("delete.action"),
      typed: network.name,
      run: async () => {
        await actions.remove(network.id);
        notices.done(t("delete.done", { name }));
        await navigate(networksPath);
      },
    });
  return (
    <>
      <p style={{ marginTop: 0 }}>{t("delete.text")}</p>
      <Button danger onClick={ask}>
        {t("delete.action")}
      </Button>
    </>
  );
}
