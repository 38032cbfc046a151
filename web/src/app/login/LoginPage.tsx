import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Mark } from "../shell/Mark";
import { BootstrapForm } from "./BootstrapForm";
import { LoginControls } from "./LoginControls";
import { LoginForm } from "./LoginForm";
import { ProviderLogin, ProviderRefusal } from "./ProviderLogin";
import { useIsClaimed } from "./claimed";
import styles from "./LoginPage.module.css";

export function LoginPage() {
  const { t } = useTranslation();
  const isClaimed = useIsClaimed();
  const [chosen, setChosen] = useState<"login" | "bootstrap" | null>(null);
  const shown = chosen ?? (isClaimed === false ? "bootstrap" : "login");
  const isLogin = shown === "login";
  const title = t(isLogin ? "login.title" : "bootstrap.title");
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <main className={styles.page}>
      <LoginControls />
      <div className={styles.card}>
        <Mark size={44} />
        <h1 className={styles.title}>{title}</h1>
        <p className={styles.text}>{t(isLogin ? "login.text" : "bootstrap.text")}</p>
        <ProviderRefusal />
        {isLogin ? <LoginForm /> : <BootstrapForm />}
        {isLogin && <ProviderLogin />}
        {isClaimed === false && (
          <button type="button" className={styles.other} onClick={() => setChosen(isLogin ? "bootstrap" : "login")}>
            {t(isLogin ? "login.toBootstrap" : "bootstrap.toLogin")}
          </button>
        )}
      </div>
    </main>
  );
}
