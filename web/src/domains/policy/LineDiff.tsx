import { useTranslation } from "react-i18next";
import { lineDiff, type DiffLine } from "./lineDiff";
import styles from "./LineDiff.module.css";

const MARKS: Record<DiffLine["kind"], string> = { same: " ", added: "+", removed: "−" };

/** Two texts as one: lines that were taken out and put in stand beside those that stayed. */
export function LineDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const { t } = useTranslation("policy");
  const lines = lineDiff(before, after);
  if (lines.every((line) => line.kind === "same")) return <p className={styles.none}>{t("diff.same")}</p>;
  return (
    // Scrolls by itself, so the keyboard has to reach it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <pre className={styles.diff} tabIndex={0} aria-label={label}>
      {lines.map((line, place) => (
        <span key={place} className={styles.line} data-kind={line.kind}>
          <span className={styles.mark}>{MARKS[line.kind]}</span>
          {line.text || " "}
        </span>
      ))}
    </pre>
  );
}
