import { useEffect, useId, type ReactNode } from "react";
import styles from "./Page.module.css";

interface Props {
  icon?: ReactNode;
  title: ReactNode;
  /** For the tab of the browser, where `title` is not text. */
  tab?: string;
  /** One sentence about what is seen here. */
  intro?: ReactNode;
  /** Buttons; the most important one last. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page: its heading, what can be done, and the content. */
export function Page({ icon, title, tab, intro, actions, children }: Props) {
  const shown = tab ?? (typeof title === "string" ? title : "");
  useEffect(() => {
    document.title = shown ? `${shown} · ZeroGo` : "ZeroGo";
  }, [shown]);
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        {icon}
        <div className={styles.heading}>
          <h1 className={styles.title}>{title}</h1>
          {intro && <p className={styles.intro}>{intro}</p>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface SectionProps {
  title?: ReactNode;
  extra?: ReactNode;
  children: ReactNode;
}

/** A part of a page, with a heading of its own. */
export function Section({ title, extra, children }: SectionProps) {
  const heading = useId();
  return (
    <section className={styles.section} aria-labelledby={title ? heading : undefined}>
      {(title || extra) && (
        <div className={styles.sectionHead}>
          <h2 id={heading} className={styles.sectionTitle}>
            {title}
          </h2>
          {extra}
        </div>
      )}
      {children}
    </section>
  );
}
