/** What is asked before a member is kept out. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { useMemberActions } from "./memberActions";

type Question = "deny" | "block" | "remove";

export function useMemberQuestions(): Record<Question, (member: Member, then?: () => void) => void> {
  const { t } = useTranslation("members");
  const confirm = useConfirm();
  const actions = useMemberActions();
  return useMemo(() => {
    const ask = (question: Question, consequences: (member: Member) => string[]) => (member: Member, then?: () => void) =>
      confirm({
        title: t(`question.${question}.title`, { name: isolated(member.name) }),
        consequences: consequences(member),
        action: t(`action.${question}`),
        run: () => actions[question](member).then(then),
      });
    const subnets = (member: Member) =>
      member.subnets
        .filter((one) => one.is_announced && one.is_approved)
        .map((one) => t("question.subnetLost", { subnet: one.subnet }));
    return {
      deny: ask("deny", () => [t("question.deny.told"), t("question.deny.back")]),
      block: ask("block", (member) => [t("question.block.cut"), ...subnets(member), t("question.block.back")]),
      remove: ask("remove", (member) => [t("question.remove.cut"), ...subnets(member), t("question.remove.back")]),
    };
  }, [t, confirm, actions]);
}
