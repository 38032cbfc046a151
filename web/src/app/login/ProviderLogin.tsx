import { useTranslation } from "react-i18next";
import { useLoginMethods } from "@/api/queries";
import { Refused } from "./Form";
import styles from "./ProviderLogin.module.css";

/** What the controller says in the address where a login by the provider did not work: before the "#", unlike pages. */
const REASONS = ["late", "refused", "stranger", "unavailable"] as const;

/** Why the login by the provider did not work, where it was tried. */
export function ProviderRefusal() {
  const { t } = useTranslation();
  const told = new URLSearchParams(window.location.search).get("oidc");
  const reason = REASONS.find((one) => one === told);
  return reason === undefined ? null : <Refused>{t(`login.provider.${reason}`)}</Refused>;
}

/** Logging in by the provider of accounts that the controller has, if it has one. */
export function ProviderLogin() {
  const { t } = useTranslation();
  const provider = useLoginMethods().data?.oidc;
  if (!provider) return null;
  return (
    <div className={styles.provider}>
      <span className={styles.or}>{t("login.provider.or")}</span>
      <a className={styles.link} href={provider.start}>
        {t("login.provider.submit", { name: provider.name })}
      </a>
    </div>
  );
}
