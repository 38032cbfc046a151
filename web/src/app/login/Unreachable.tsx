import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "@/api/session";
import { useProblemText } from "@/components/problemText";
import { Mark } from "../shell/Mark";
import styles from "./LoginPage.module.css";

const AGAIN_MILLISECONDS = 3000;

/** The API does not answer, so nobody knows who is logged in. It is asked again by itself. */
export function Unreachable() {
  const { t } = useTranslation();
  const { problem, retry } = useSession();
  const problemText = useProblemText();
  useEffect(() => {
    const timer = setTimeout(retry, AGAIN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [problem, retry]);
  return (
    <main className={styles.page}>
      <div className={styles.card} role="status">
        <Mark size={44} />
        <h1 className={styles.title}>{t("query.failed")}</h1>
        {problem && <p className={styles.text}>{problemText(problem)}</p>}
        <button type="button" className={styles.other} onClick={retry}>
          {t("action.retry")}
        </button>
      </div>
    </main>
  );
}
