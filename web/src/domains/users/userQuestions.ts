/** What is asked before a user is shut out, or let in with less. */
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
    removeSecondFactor: (user: User) => {
      const words = { name: isolated(user.name) };
      confirm({
        title: t("question.factor.title", words),
        consequences: [t("question.factor.password"), t("question.factor.sure"), t("question.factor.again")],
        action: t("action.factor"),
        run: async () => {
          await actions.removeSecondFactor(user);
          notices.done(t("done.factor", words));
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
