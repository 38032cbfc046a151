/** Machines that wait to be let in: what is known of each, and the decision. */
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { useMay } from "@/api/session";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import { Section } from "@/components/Page";
import { ProblemNote } from "@/components/ProblemNote";
import { RelativeTime } from "@/components/RelativeTime";
import { useRequest } from "@/components/useRequest";
import { useMemberActions } from "./memberActions";
import { useMemberQuestions } from "./memberQuestions";
import styles from "./WaitingMembers.module.css";

export function WaitingMembers({ members }: { members: Member[] }) {
  const { t } = useTranslation("members");
  if (members.length === 0) return null;
  return (
    <Section title={t("waiting.title", { count: members.length })}>
      <p className={styles.why}>{t("waiting.why")}</p>
      <ul className={styles.list}>
        {members.map((member) => (
          <WaitingMember key={member.id} member={member} />
        ))}
      </ul>
    </Section>
  );
}

function WaitingMember({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  return (
    <li className={styles.member}>
      <div className={styles.who}>
        <div className={styles.name}>
          <Name>{member.name}</Name>
        </div>
        <div className={styles.facts}>
          <span className="code">{member.id}</span>
          {member.source !== null && <span>{t("waiting.from", { host: isolated(member.source) })}</span>}
          <RelativeTime time={member.created_at} />
        </div>
      </div>
      <Decision member={member} />
    </li>
  );
}

function Decision({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const mayDecide = useMay("operator");
  const actions = useMemberActions();
  const questions = useMemberQuestions();
  const approve = useRequest(() => actions.approve(member));
  if (!mayDecide) return null;
  const name = isolated(member.name);
  return (
    <div className={styles.decision}>
      <Button size="small" aria-label={t("waiting.denyNamed", { name })} onClick={() => questions.deny(member)}>
        {t("action.deny")}
      </Button>
      <Button
        size="small"
        type="primary"
        loading={approve.isRunning}
        aria-label={t("waiting.approveNamed", { name })}
        onClick={() => approve.run()}
      >
        {t("action.approve")}
      </Button>
      <ProblemNote error={approve.error} />
    </div>
  );
}
