import { useRef, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { PolicyFinding } from "./policies";
import styles from "./PolicyEditor.module.css";

const INDENT = "  ";

interface Props {
  text: string;
  findings: PolicyFinding[];
  isReadOnly: boolean;
  onChange: (text: string) => void;
}

/** The policy as text, with the numbers of its lines and a mark at each line that something is to be said about. */
export function PolicyEditor({ text, findings, isReadOnly, onChange }: Props) {
  const { t } = useTranslation("policy");
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n").length;
  const worst = new Map(findings.toSorted((a, b) => rank(b) - rank(a)).map((one) => [one.line, one]));
  return (
    <div className={styles.editor}>
      <div className={styles.gutter} ref={gutter} aria-hidden>
        {Array.from({ length: lines }, (_, place) => {
          const finding = worst.get(place + 1);
          return (
            <div key={place} data-severity={finding?.severity} title={finding?.message}>
              {place + 1}
            </div>
          );
        })}
      </div>
      <textarea
        id="policy-text"
        className={styles.text}
        aria-label={t("editor.label")}
        aria-describedby="policy-findings"
        value={text}
        readOnly={isReadOnly}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        wrap="off"
        dir="ltr"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={indentOnTab}
        onScroll={(event) => {
          if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
        }}
      />
    </div>
  );
}

/** Puts the cursor at a line and column of the text, both from 1. */
export function goTo(line: number, column: number): void {
  const field = document.getElementById("policy-text");
  if (!(field instanceof HTMLTextAreaElement)) return;
  const before = field.value.split("\n").slice(0, line - 1);
  const place = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
  field.focus();
  field.setSelectionRange(place, place);
  field.scrollTop = (field.scrollHeight / Math.max(1, field.value.split("\n").length)) * Math.max(0, line - 4);
}

/** Tab indents where text is marked or typed; Escape before it leaves the field, as the keyboard needs a way out. */
function indentOnTab(event: KeyboardEvent<HTMLTextAreaElement>): void {
  const field = event.currentTarget;
  if (event.key === "Escape") field.dataset["leaving"] = "yes";
  else if (event.key !== "Tab") delete field.dataset["leaving"];
  if (event.key !== "Tab" || event.shiftKey || field.readOnly || field.dataset["leaving"]) return;
  event.preventDefault();
  // Keeps the browser's own undo, which setting the value would lose.
  document.execCommand("insertText", false, INDENT);
}

function rank(finding: PolicyFinding): number {
  return finding.severity === "error" ? 0 : 1;
}
