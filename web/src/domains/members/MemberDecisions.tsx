import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { useMemberActions } from "./memberActions";
import styles from "./MemberDrawer.module.css";
import { useMemberQuestions } from "./memberQuestions";

/** Whether a member stays in. */
export function MemberDecisions({ member, onRemoved }: { member: Member; onRemoved: () => void }) {
  const { t } = useTranslation("members");
  const actions = useMemberActions();
  const questions = useMemberQuestions();
  const approve = useRequest(() => actions.approve(member));
  return (
    <section className={styles.part}>
      <h2 className={styles.heading}>{t("decisions.title")}</h2>
      <p className={styles.note}>{t(`decisions.${member.state}`)}</p>
      <div className={styles.buttons}>
        {member.state !== "approved" && (
          <Button type="primary" loading={approve.isRunning} onClick={() => approve.run()}>
            {t("action.approve")}
          </Button>
        )}
        {member.state === "pending" && (
          <Button danger onClick={() => questions.deny(member)}>
            {t("action.deny")}
          </Button>
        )}
        {member.state === "approved" && (
          <Button danger onClick={() => questions.block(member)}>
            {t("action.block")}
          </Button>
        )}
        <Button danger onClick={() => questions.remove(member, onRemoved)}>
          {t("action.remove")}
        </Button>
      </div>
      <ProblemNote error={approve.error} />
    </section>
  );
}
