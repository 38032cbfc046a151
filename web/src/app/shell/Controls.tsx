import { BulbOutlined, GlobalOutlined, UserOutlined } from "@ant-design/icons";
import { App, Button, Dropdown, type MenuProps } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useSession } from "@/api/session";
import { useProblemText } from "@/components/problemText";
import { chooseLanguage, LANGUAGE_NAMES, LANGUAGES } from "../i18n";
import { APPEARANCES, usePreferences } from "../preferences";

/** Language, appearance and who is logged in. */
export function Controls() {
  return (
    <>
      <LanguageControl />
      <AppearanceControl />
      <UserControl />
    </>
  );
}

function LanguageControl() {
  const { t, i18n } = useTranslation();
  const items = LANGUAGES.map((language) => ({
    key: language,
    label: <span lang={language}>{LANGUAGE_NAMES[language]}</span>,
    onClick: () => void chooseLanguage(language),
  }));
  return (
    <Choice label={t("shell.language")} icon={<GlobalOutlined />} menu={{ items, selectedKeys: [i18n.language] }} />
  );
}

function AppearanceControl() {
  const { t } = useTranslation();
  const { appearance, setAppearance } = usePreferences();
  const items = APPEARANCES.map((one) => ({ key: one, label: t(`appearance.${one}`), onClick: () => setAppearance(one) }));
  return (
    <Choice label={t("shell.appearance")} icon={<BulbOutlined />} menu={{ items, selectedKeys: [appearance] }} />
  );
}

function UserControl() {
  const { t } = useTranslation();
  const { user, logOut } = useSession();
  const { message } = App.useApp();
  const problemText = useProblemText();
  const navigate = useNavigate();
  const leave = () => {
    logOut()
      .then(() => navigate("/"))
      .catch((error: unknown) => message.error(problemText(error)));
  };
  const items: MenuProps["items"] = [
    { key: "who", type: "group", label: `${user?.name ?? ""} · ${t(`role.${user?.role ?? "user"}`)}` },
    { key: "out", label: t("shell.logOut"), onClick: leave },
  ];
  return <Choice label={t("shell.account")} icon={<UserOutlined />} menu={{ items }} />;
}

function Choice({ label, icon, menu }: { label: string; icon: React.ReactNode; menu: MenuProps }) {
  return (
    <Dropdown trigger={["click"]} placement="bottomRight" menu={{ selectable: true, ...menu }}>
      <Button type="text" aria-label={label} title={label} icon={icon} />
    </Dropdown>
  );
}
