/**
 * The last look before a policy is in force: who gains and loses access, the text's changes, and a comment for the
 * history. Where somebody else saved meanwhile, theirs is shown, and mine is only put over it when that is said.
 */
import { Alert, Button, Form, Input, Modal, Tabs } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { AccessChanges } from "./AccessChanges";
import { LineDiff } from "./LineDiff";
import { usePolicyActions, type Policy } from "./policies";
import type { usePolicyDraft } from "./usePolicyDraft";

const COMMENT_LIMIT = 200;

interface Props {
  network: string;
  draft: ReturnType<typeof usePolicyDraft>;
  saved: Policy;
  onClose: () => void;
}

export function SaveDialog({ network, draft, saved, onClose }: Props) {
  const { t } = useTranslation("policy");
  const [comment, setComment] = useState("");
  const actions = usePolicyActions(network);
  const notices = useNotices();
  const isStale = draft.basis.etag !== saved.etag;
  const request = useRequest(async () => {
    const before = draft.basis;
    try {
      const now = await actions.save(draft.text, comment.trim(), before.etag);
      draft.discard();
      // Revision 0 was never saved, so there is nothing to go back to.
      const undo = before.revision > 0 ? () => actions.rollBack(before.revision, now.etag) : undefined;
      notices.done(t("save.done"), undo);
      onClose();
    } catch (error) {
      if (Problem.ofUnknown(error).code !== "changed-meanwhile") throw error;
      await actions.readAgain();
    }
  });
  return (
    <Modal
      open
      width={760}
      title={t("save.title")}
      okText={t("save.action")}
      okButtonProps={{ loading: request.isRunning, disabled: isStale }}
      cancelText={t("save.back")}
      onOk={() => request.run()}
      onCancel={onClose}
    >
      {isStale && (
        <Alert
          type="warning"
          role="alert"
          title={t("save.stale")}
          description={t("save.staleText")}
          action={
            <Button size="small" onClick={() => draft.rebase(saved)}>
              {t("save.overwrite")}
            </Button>
          }
        />
      )}
      <Tabs
        items={[
          {
            key: "access",
            label: t("save.access"),
            children: <AccessChanges network={network} text={draft.text} revision={saved.revision} />,
          },
          {
            key: "text",
            label: t("save.text"),
            children: <LineDiff before={saved.text} after={draft.text} label={t("save.text")} />,
          },
        ]}
      />
      <Form layout="vertical" component="div">
        <Form.Item label={t("save.comment")} htmlFor="policy-comment">
          <Input
            id="policy-comment"
            dir="auto"
            maxLength={COMMENT_LIMIT}
            value={comment}
            onChange={(event) => setComment(event.target.value)}
          />
        </Form.Item>
      </Form>
      <ProblemNote error={request.error} />
    </Modal>
  );
}
