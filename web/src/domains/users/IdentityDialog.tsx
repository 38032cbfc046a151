import { Button, Form, Input, Modal } from "antd";
import { useTranslation } from "react-i18next";
import type { User } from "@/api/documents";
import { useConfirm } from "@/components/confirm";
import { CopyText } from "@/components/CopyText";
import { FactList } from "@/components/FactList";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { QueryState } from "@/components/QueryState";
import { RelativeTime } from "@/components/RelativeTime";
import { useRequest } from "@/components/useRequest";
import { useIdentity, useIdentityActions, type Identity } from "./identities";
import styles from "./UsersPage.module.css";

const SUBJECT_MOST = 255;

interface Props {
  user: User;
  /** The name of the provider of accounts. */
  provider: string;
  onClose: () => void;
}

/** Says which account at the provider logs in as this user. */
export function IdentityDialog({ user, provider, onClose }: Props) {
  const { t } = useTranslation("users");
  const identity = useIdentity(user);
  const words = { name: isolated(user.name), provider: isolated(provider) };
  return (
    <Modal open title={t("identity.title", words)} footer={null} onCancel={onClose}>
      <QueryState query={identity}>
        {(found) =>
          found === null ? (
            <LinkForm user={user} words={words} onClose={onClose} />
          ) : (
            <Linked user={user} identity={found} words={words} />
          )
        }
      </QueryState>
    </Modal>
  );
}

interface PartProps {
  user: User;
  words: { name: string; provider: string };
}

function LinkForm({ user, words, onClose }: PartProps & { onClose: () => void }) {
  const { t } = useTranslation("users");
  const actions = useIdentityActions(user);
  const notices = useNotices();
  const request = useRequest(async ({ subject }: { subject: string }) => {
    await actions.link(subject.trim());
    notices.done(t("identity.linked", words));
    onClose();
  });
  return (
    <>
      <p>{t("identity.why", words)}</p>
      <Form layout="vertical" requiredMark={false} onFinish={request.run}>
        <Form.Item
          name="subject"
          label={t("identity.subject")}
          extra={t("identity.subjectWhy")}
          rules={[{ required: true, whitespace: true, message: t("identity.subjectMissing") }]}
        >
          <Input className="code" maxLength={SUBJECT_MOST} autoComplete="off" spellCheck={false} />
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={request.isRunning}>
          {t("identity.link")}
        </Button>
      </Form>
      <ProblemNote error={request.error} />
    </>
  );
}

function Linked({ user, identity, words }: PartProps & { identity: Identity }) {
  const { t } = useTranslation("users");
  const actions = useIdentityActions(user);
  const confirm = useConfirm();
  const notices = useNotices();
  const ask = () =>
    confirm({
      title: t("identity.question", words),
      consequences: [t("question.sessions"), t("identity.passwordOnly")],
      action: t("identity.unlink"),
      run: async () => {
        await actions.unlink();
        notices.done(t("identity.unlinked", words), () => actions.link(identity.subject));
      },
    });
  return (
    <div className={styles.identity}>
      <FactList
        facts={[
          { label: t("identity.issuer"), value: <bdi className="code">{identity.issuer}</bdi> },
          { label: t("identity.subject"), value: <CopyText text={identity.subject} /> },
          { label: t("identity.since"), value: <RelativeTime time={identity.created_at} /> },
        ]}
      />
      <Button danger onClick={ask}>
        {t("identity.unlink")}
      </Button>
    </div>
  );
}
