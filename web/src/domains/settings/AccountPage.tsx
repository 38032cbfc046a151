/** One's own account: who one is, the password, the sessions, and how the dashboard looks here. */
import { Button, Segmented } from "antd";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { useHealth } from "@/api/queries";
import { useSession } from "@/api/session";
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, type Language } from "@/app/i18n";
import { APPEARANCES, usePreferences } from "@/app/preferences";
import { useConfirm } from "@/components/confirm";
import { FactList } from "@/components/FactList";
import { Page, Section } from "@/components/Page";
import styles from "./AccountPage.module.css";
import { PasswordForm } from "./PasswordForm";
import { SecondFactor } from "./SecondFactor";

export default function AccountPage() {
  const { t } = useTranslation("settings");
  return (
    <Page title={t("title")}>
      <Section title={t("who.title")}>
        <Who />
      </Section>
      <Section title={t("looks.title")}>
        <Looks />
      </Section>
      <Section title={t("password.title")}>
        <PasswordForm />
      </Section>
      <Section title={t("factor.title")}>
        <SecondFactor />
      </Section>
      <Section title={t("sessions.title")}>
        <Sessions />
      </Section>
    </Page>
  );
}

function Who() {
  const { t } = useTranslation("settings");
  const { user } = useSession();
  const version = useHealth().data?.version;
  return (
    <FactList
      facts={[
        { label: t("who.name"), value: <bdi>{user?.name}</bdi> },
        { label: t("who.role"), value: t(`common:role.${user?.role ?? "user"}`) },
        { label: t("who.version"), value: <span className="code">{version}</span> },
      ]}
    />
  );
}

function Looks() {
  const { t, i18n } = useTranslation("settings");
  const { appearance, setAppearance } = usePreferences();
  return (
    <div className={styles.looks}>
      <div>
        <div className={styles.label} id="looks-language">
          {t("common:shell.language")}
        </div>
        <Segmented
          aria-labelledby="looks-language"
          value={i18n.language}
          onChange={(language) => void chooseLanguage(language as Language)}
          options={LANGUAGES.map((one) => ({ value: one, label: <span lang={one}>{LANGUAGE_NAMES[one]}</span> }))}
        />
      </div>
      <div>
        <div className={styles.label} id="looks-appearance">
          {t("common:shell.appearance")}
        </div>
        <Segmented
          aria-labelledby="looks-appearance"
          value={appearance}
          onChange={setAppearance}
          options={APPEARANCES.map((one) => ({ value: one, label: t(`common:appearance.${one}`) }))}
        />
      </div>
      <p className={styles.why}>{t("looks.why")}</p>
    </div>
  );
}

function Sessions() {
  const { t } = useTranslation("settings");
  const confirm = useConfirm();
  const { logOut } = useSession();
  const ask = () =>
    confirm({
      title: t("sessions.question"),
      consequences: [t("sessions.browsers"), t("sessions.programs"), t("sessions.tokens")],
      action: t("sessions.action"),
      run: async () => {
        await answer(api.DELETE("/auth/sessions"));
        await logOut();
      },
    });
  return (
    <>
      <p className={styles.why}>{t("sessions.why")}</p>
      <Button danger onClick={ask}>
        {t("sessions.action")}
      </Button>
    </>
  );
}
