import { NavLink } from "react-router";
import { useTranslation } from "react-i18next";
import { mayRole, useSession } from "@/api/session";
import type { MenuEntry } from "../domain";
import { networkPath } from "../paths";
import { useOfferedDomains } from "./offered";
import { Brand } from "./Brand";
import { NetworkSwitcher } from "./NetworkSwitcher";
import styles from "./Sidebar.module.css";

type Entry = MenuEntry & { domain: string };

/** The menu: what belongs to the network, and below it what belongs to the controller. */
export function Sidebar({ network, isInDrawer = false }: { network: string; isInDrawer?: boolean }) {
  const { t } = useTranslation();
  const { user } = useSession();
  const entries: Entry[] = useOfferedDomains()
    .flatMap((domain) => domain.menu.map((entry) => ({ ...entry, domain: domain.name })))
    .filter((entry) => entry.needs === undefined || mayRole(user?.role, entry.needs))
    .filter((entry) => entry.butNot === undefined || user?.role !== entry.butNot)
    .sort((one, other) => one.order - other.order);
  const ofNetwork = entries.filter((entry) => entry.scope === "network");
  const ofController = entries.filter((entry) => entry.scope === "controller");
  return (
    <div className={styles.sidebar}>
      {!isInDrawer && (
        <div className={styles.brand}>
          <Brand />
        </div>
      )}
      <NetworkSwitcher network={network} />
      <nav aria-label={t("shell.navigation")} className={styles.menu}>
        {network && <Entries entries={ofNetwork} address={(path) => networkPath(network, path)} />}
        <h2 className={styles.group}>{t("shell.controller")}</h2>
        <Entries entries={ofController} address={(path) => `/${path}`} />
      </nav>
    </div>
  );
}

function Entries({ entries, address }: { entries: Entry[]; address: (path: string) => string }) {
  const { t } = useTranslation();
  return (
    <ul className={styles.entries}>
      {entries.map((entry) => (
        <li key={`${entry.domain}/${entry.path}`}>
          <NavLink to={address(entry.path)} className={styles.entry}>
            <entry.icon className={styles.icon} />
            {t(`${entry.domain}:${entry.label}`)}
          </NavLink>
        </li>
      ))}
    </ul>
  );
}
