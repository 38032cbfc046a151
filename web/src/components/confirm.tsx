import { App, Input } from "antd";
import { useCallback, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useProblemText } from "./problemText";

interface Question {
  title: string;
  /** What happens then, one consequence each. */
  consequences: ReactNode[];
  /** What the button does, as a verb: "Remove", not "OK". */
  action: string;
  /** What has to be typed first, for what cannot be undone. */
  typed?: string;
  isDangerous?: boolean;
  run: () => Promise<unknown>;
}

/** Asks before something is destroyed, and says what it means. A failure is shown, and the question stays. */
export function useConfirm(): (question: Question) => void {
  const { modal, message } = App.useApp();
  const problemText = useProblemText();
  const { t } = useTranslation();
  return useCallback(
    (question: Question) => {
      const dangerous = { danger: question.isDangerous ?? true };
      const dialog = modal.confirm({
        title: question.title,
        icon: null,
        okText: question.action,
        okButtonProps: { ...dangerous, disabled: question.typed !== undefined },
        cancelText: t("action.cancel"),
        focusable: { autoFocusButton: "cancel" },
        content: (
          <Consequences
            question={question}
            onTyped={(isRight) => dialog.update({ okButtonProps: { ...dangerous, disabled: !isRight } })}
          />
        ),
        onOk: () =>
          question.run().catch((error: unknown) => {
            message.error(problemText(error));
            // A rejected promise keeps the dialog open.
            throw error;
          }),
      });
    },
    [modal, message, problemText, t],
  );
}

function Consequences({ question, onTyped }: { question: Question; onTyped: (isRight: boolean) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const wanted = question.typed;
  return (
    <>
      <ul style={{ margin: "8px 0 12px", paddingInlineStart: 18 }}>
        {question.consequences.map((one, place) => (
          <li key={place}>{one}</li>
        ))}
      </ul>
      {wanted !== undefined && (
        <label>
          {t("confirm.type")} <bdi className="code">{wanted}</bdi>
          <Input
            style={{ marginTop: 6 }}
            value={text}
            autoComplete="off"
            onChange={(event) => {
              setText(event.target.value);
              onTyped(event.target.value === wanted);
            }}
          />
        </label>
      )}
    </>
  );
}
