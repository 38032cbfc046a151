import { Alert, Checkbox } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { networkPath } from "@/app/paths";
import type { Network } from "@/api/documents";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { LinkButton } from "@/components/LinkButton";
import { Page, Section } from "@/components/Page";
import styles from "./NetworkMade.module.css";

/** A network was made: what it got, its secret where only people keep it, and the next step. */
export function NetworkMade({ network, secret }: { network: Network; secret: string | null }) {
  const { t } = useTranslation("networks");
  const [isKept, setKept] = useState(secret === null);
  const ranges = [network.ipv4, network.ipv6].filter((range) => range !== null);
  return (
    <Page title={t("made.title")} intro={t("made.intro")}>
      {secret !== null && (
        <Section title={t("made.secret")}>
          <div className={styles.secret}>
            <Alert type="warning" showIcon title={t("made.secretOnce")} />
            <CopyText text={secret} isBlock />
            <Checkbox checked={isKept} onChange={(event) => setKept(event.target.checked)}>
              {t("made.secretKept")}
            </Checkbox>
          </div>
        </Section>
      )}
      <Section title={<bdi>{network.name}</bdi>}>
        <FactList
          facts={[
            { label: t("field.id"), value: <CopyText text={network.id} /> },
            ...ranges.map((range) => ({ label: t("field.range"), value: <CopyText text={range} /> })),
            { label: t("field.approval"), value: t(`approval.${network.approval}`) },
          ]}
        />
        <div className={styles.next}>
          <LinkButton to={networkPath(network.id, "overview")} disabled={!isKept}>
            {t("made.overview")}
          </LinkButton>
          <LinkButton to={`${networkPath(network.id, "keys")}?new`} type="primary" disabled={!isKept}>
            {t("made.invite")}
          </LinkButton>
        </div>
      </Section>
    </Page>
  );
}
