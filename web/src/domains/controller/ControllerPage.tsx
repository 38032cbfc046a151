/** What this controller is set to, as far as it tells it; and how what is not set here is set. */
import { Tag } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useHealth, useLoginMethods, useNetworks } from "@/api/queries";
import { networkPath, networksPath } from "@/app/paths";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { Name } from "@/components/Name";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import styles from "./ControllerPage.module.css";

const FILE = "/etc/zerogo/controller.yaml";
/** Keys of the file that people look for here, by what they are about. */
const KEYS: Record<string, readonly string[]> = {
  reached: ["listen", "tls-listen", "tls-certificate", "tls-key", "public-addresses", "onion", "browser-origins"],
  accounts: ["oidc"],
  relays: ["relay-port", "relay-secret", "relays", "stun-servers"],
  kept: ["database", "redis", "flow-log-days", "exit-audit-days", "metrics-listen"],
};
const COMMANDS = {
  sample: "zerogo config sample controller",
  restart: "sudo systemctl restart zerogo-controller",
  backup: "sudo zerogo controller backup /var/backups/zerogo-$(date +%F).backup",
  check: "sudo zerogo controller check",
} as const;

export default function ControllerPage() {
  const { t } = useTranslation("controller");
  return (
    <Page title={t("title")} intro={t("intro")}>
      <Section title={t("facts.title")}>
        <Facts />
      </Section>
      <Section title={t("networks.title")}>
        <Networks />
      </Section>
      <Section title={t("file.title")}>
        <p className={styles.why}>{t("file.why")}</p>
        <CopyText text={FILE} />
        <FactList
          facts={Object.entries(KEYS).map(([about, keys]) => ({ label: t(`file.${about}`), value: <Keys keys={keys} /> }))}
        />
      </Section>
      <Section title={t("commands.title")}>
        <p className={styles.why}>{t("commands.why")}</p>
        <FactList
          facts={Object.entries(COMMANDS).map(([about, command]) => ({
            label: t(`commands.${about}`),
            value: <CopyText text={command} />,
          }))}
        />
      </Section>
    </Page>
  );
}

function Facts() {
  const { t } = useTranslation("controller");
  const health = useHealth();
  const methods = useLoginMethods();
  const provider = methods.data?.oidc;
  const login: ReactNode = provider ? <Name>{provider.name}</Name> : t("facts.passwordOnly");
  return (
    <QueryState query={health}>
      {({ version, status }) => (
        <FactList
          facts={[
            { label: t("facts.version"), value: <span className="code">{version}</span> },
            {
              label: t("facts.database"),
              value: status === "ok" ? <Tag variant="outlined" color="success">{t("facts.answers")}</Tag> : <bdi>{status}</bdi>,
            },
            { label: t("facts.address"), value: <CopyText text={new URL(".", document.baseURI).href} /> },
            { label: t("facts.login"), value: methods.data === undefined ? "–" : login },
          ]}
        />
      )}
    </QueryState>
  );
}

function Networks() {
  const { t } = useTranslation("controller");
  const networks = useNetworks();
  return (
    <>
      <p className={styles.why}>{t("networks.why")}</p>
      <QueryState query={networks}>
        {(found) => (
          <ul className={styles.networks}>
            {found.map(({ id, name }) => (
              <li key={id}>
                <Link to={networkPath(id, "settings")}>
                  <Name>{name}</Name>
                </Link>
              </li>
            ))}
            {found.length === 0 && (
              <li>
                <Link to={networksPath}>{t("networks.none")}</Link>
              </li>
            )}
          </ul>
        )}
      </QueryState>
    </>
  );
}

function Keys({ keys }: { keys: readonly string[] }) {
  return (
    <span className={styles.keys}>
      {keys.map((key) => (
        <span key={key} className="code">
          {key}
        </span>
      ))}
    </span>
  );
}
