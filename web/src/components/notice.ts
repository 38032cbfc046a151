/** A short word at the page's edge that something was done, with a way back where there is one. */
import { App, Button } from "antd";
import { createElement, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useProblemText } from "./problemText";

const SECONDS = 4;
const SECONDS_WITH_UNDO = 10;

let given = 0;

export interface Notices {
  /** Say that it was done; `undo` takes it back. */
  done: (text: string, undo?: () => Promise<unknown>) => void;
  /** Say why it was not. */
  failed: (error: unknown) => void;
}

export function useNotices(): Notices {
  const { notification } = App.useApp();
  const { t } = useTranslation("notice");
  const problemText = useProblemText();
  return useMemo(() => {
    const failed = (error: unknown) =>
      notification.error({ title: problemText(error), role: "alert", placement: "bottomRight" });
    const done = (text: string, undo?: () => Promise<unknown>) => {
      const key = `notice-${++given}`;
      const takeBack = () => {
        notification.destroy(key);
        undo?.().catch(failed);
      };
      notification.success({
        key,
        title: text,
        role: "status",
        placement: "bottomRight",
        duration: undo ? SECONDS_WITH_UNDO : SECONDS,
        actions: undo && createElement(Button, { size: "small", onClick: takeBack }, t("undo")),
      });
    };
    return { done, failed };
  }, [notification, problemText, t]);
}
