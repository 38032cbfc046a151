import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "./CopyText.module.css";

const SHOWN_MILLISECONDS = 1500;
const SHEETS = "M9 9h11v11H9z M15 9V4H4v11h5";
const TICK = "m4 12.5 5.5 5.5L20 6.5";

/** Text that people take elsewhere, with a button that copies it. The login has it too, so it is without Ant Design. */
export function CopyText({ text, isBlock = false }: { text: string; isBlock?: boolean }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const label = t(isCopied ? "action.copied" : "action.copy");
  return (
    <span className={isBlock ? styles.block : styles.inline}>
      <span className={`code ${styles.text}`}>{text}</span>
      <button
        type="button"
        className={styles.button}
        aria-label={label}
        title={label}
        onClick={() => void copy(text).then(() => setCopied(true))}
      >
        <svg width="15" height="15" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden>
          <path d={isCopied ? TICK : SHEETS} strokeLinejoin="round" strokeLinecap="round" />
        </svg>
      </button>
    </span>
  );
}

/** The clipboard is only there on https and localhost; elsewhere the text is selected and copied the old way. */
async function copy(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
