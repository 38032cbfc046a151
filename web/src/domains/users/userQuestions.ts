/** What is asked before a user is shut out. */
import { useTranslation } from "react-i18next";
import type { User } from "@/api/documents";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { useUserActions } from "./users";

export function useUserQuestions() {
  const { t } = useTranslation("users");
  const confirm = useConfirm();
  const notices = useNotices();
  const actions = useUserActions();
  return {
    disable: (user: User) => {
      const words = { name: isolated(user.name) };
      confirm({
        title: t("question.disable.title", words),
        consequences: [t("question.sessions"), t("question.tokens"), t("question.disable.back")],
        action: t("action.disable"),
        run: async () => {
          await actions.change(user, { is_disabled: true });
          notices.done(t("done.disabled", words), () => actions.change(user, { is_disabled: false }));
        },
      });
    },
    remove: (user: User) => {
      const words = { name: isolated(user.name) };
      confirm({
        title: t("question.remove.title", words),
        consequences: [t("question.sessions"), t("question.remove.tokens"), t("question.remove.audit")],
        action: t("action.remove"),
        typed: user.name,
        run: async () => {
          await actions.remove(user);
          notices.done(t("done.removed", words));
        },
      });
    },
  };
}
