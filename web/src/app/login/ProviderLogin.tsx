import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Divider } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { answer, api } from "@/api/client";
import styles from "./LoginPage.module.css";

/** What the controller says in the address where a login by the provider did not work. */
const REASONS = ["late", "refused", "stranger", "unavailable"] as const;

/** Why the login by the provider did not work, where it was tried. */
export function ProviderRefusal() {
  const { t } = useTranslation();
  const told = useSearchParams()[0].get("oidc");
  const reason = REASONS.find((one) => one === told);
  if (reason === undefined) return null;
  return <Alert className={styles.alert} type="error" title={t(`login.provider.${reason}`)} role="alert" />;
}

/** Logging in by the provider of accounts that the controller has, if it has one. */
export function ProviderLogin() {
  const { t } = useTranslation();
  const provider = useQuery({ queryKey: ["login-methods"], queryFn: () => answer(api.GET("/auth/methods")) }).data?.oidc;
  if (!provider) return null;
  return (
    <>
      <Divider plain>{t("login.provider.or")}</Divider>
      <Button size="large" block href={provider.start}>
        {t("login.provider.submit", { name: provider.name })}
      </Button>
    </>
  );
}
