/** Errors in the language of the page: by code; where a code is unknown here, the API's own sentence. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";

/** Codes whose sentence from the API says more than ours could: it names the field, the name, or the reason. */
const TOLD_BY_API = new Set(["invalid", "bad-request", "conflict", "no-address"]);

export function useProblemText(): (error: unknown) => string {
  const { t, i18n } = useTranslation("problems");
  return useCallback(
    (error: unknown) => {
      const problem = Problem.ofUnknown(error);
      const { code, detail, status } = problem;
      if (!i18n.exists(`problems:${code}`)) return detail || t("unknown", { code, status });
      const seconds = problem.retryAfterSeconds ?? 1;
      const text = t(code, { seconds, status });
      return TOLD_BY_API.has(code) && detail ? t("withDetail", { text, detail }) : text;
    },
    [t, i18n],
  );
}
