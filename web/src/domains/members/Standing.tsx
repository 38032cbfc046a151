import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Standing as StandingName } from "./memberFilter";
import styles from "./Standing.module.css";

/** Where a member stands: a mark whose shape differs as well as its colour, and the word. */
export function Standing({ standing, isMarkOnly = false }: { standing: StandingName; isMarkOnly?: boolean }) {
  const { t } = useTranslation("members");
  const word = t(`standing.${standing}`);
  return (
    <span className={styles.standing} data-standing={standing} title={isMarkOnly ? word : undefined}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden>
        {MARKS[standing]}
      </svg>
      <span className={isMarkOnly ? "visually-hidden" : undefined}>{word}</span>
    </span>
  );
}

const MARKS: Record<StandingName, ReactNode> = {
  online: <circle cx="5" cy="5" r="4.5" fill="currentColor" />,
  offline: <circle cx="5" cy="5" r="3.75" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  pending: <path d="M5 0.5 9.5 9.5H0.5Z" fill="currentColor" />,
  blocked: <rect x="0.5" y="3.5" width="9" height="3" rx="1" fill="currentColor" />,
  denied: <path d="M1 1 9 9M9 1 1 9" stroke="currentColor" strokeWidth="2" />,
};
