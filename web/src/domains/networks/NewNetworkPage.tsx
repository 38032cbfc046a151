/** Makes a network: only its name has to be said. Then what to do next, and the secret where only people keep it. */
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Network } from "@/api/documents";
import { useKeptSecrets } from "@/components/keptSecrets";
import { Page, Section } from "@/components/Page";
import { NetworkMade } from "./NetworkMade";
import { NewNetworkForm } from "./NewNetworkForm";

interface Made {
  network: Network;
  /** The pre-shared key, where the controller must not know it. */
  secret: string | null;
}

export default function NewNetworkPage() {
  const { t } = useTranslation("networks");
  const [made, setMade] = useState<Made | null>(null);
  const kept = useKeptSecrets();
  const show = (network: Network, secret: string | null) => {
    if (secret !== null) kept.keep(network.id, secret);
    setMade({ network, secret });
  };
  if (made) return <NetworkMade network={made.network} secret={made.secret} />;
  return (
    <Page title={t("new.title")} intro={t("new.intro")}>
      <Section>
        <NewNetworkForm onMade={show} />
      </Section>
    </Page>
  );
}
