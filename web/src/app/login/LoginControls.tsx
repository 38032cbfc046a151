import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES, type Language } from "../i18n";
import { APPEARANCES, usePreferences, type Appearance } from "../preferences";
import styles from "./LoginPage.module.css";

/** Language and appearance, before anybody is logged in. */
export function LoginControls() {
  const { t, i18n } = useTranslation();
  const { appearance, setAppearance } = usePreferences();
  return (
    <div className={styles.controls}>
      <Choice label={t("shell.language")} value={i18n.language} choose={(one) => void chooseLanguage(one as Language)}>
        {LANGUAGES.map((language) => (
          <option key={language} value={language} lang={language}>
            {LANGUAGE_NAMES[language]}
          </option>
        ))}
      </Choice>
      <Choice label={t("shell.appearance")} value={appearance} choose={(one) => setAppearance(one as Appearance)}>
        {APPEARANCES.map((one) => (
          <option key={one} value={one}>
            {t(`appearance.${one}`)}
          </option>
        ))}
      </Choice>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  choose: (value: string) => void;
  children: ReactNode;
}

function Choice({ label, value, choose, children }: ChoiceProps) {
  return (
    <select
      className={styles.choice}
      aria-label={label}
      title={label}
      value={value}
      onChange={(event) => choose(event.target.value)}
    >
      {children}
    </select>
  );
}
