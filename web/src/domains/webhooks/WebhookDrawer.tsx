/** Makes a webhook and shows its secret once, or changes one. */
import { Alert, Button, Drawer, Form, Input, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { accept } from "@/components/accept";
import { CopyText } from "@/components/CopyText";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRepeatKey } from "@/components/useRepeatKey";
import { useRequest } from "@/components/useRequest";
import { isKind, isReceiver, KINDS_LIMIT, SUGGESTED_KINDS, URL_LIMIT, useWebhookActions, type Webhook } from "./webhooks";
import styles from "./WebhooksPage.module.css";

interface Values {
  url: string;
  kinds: string[];
}

interface Props {
  /** null: a new one. */
  webhook: Webhook | null;
  onClose: () => void;
}

export function WebhookDrawer({ webhook, onClose }: Props) {
  const { t } = useTranslation("webhooks");
  const [secret, setSecret] = useState<string | null>(null);
  const title = secret !== null ? "made.title" : webhook === null ? "create" : "edit";
  return (
    <Drawer
      open
      onClose={onClose}
      size={480}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      // A click beside it would lose the secret, which nobody can show again.
      mask={{ closable: secret === null }}
      title={t(title)}
    >
      {secret === null ? (
        <WebhookForm webhook={webhook} onMade={setSecret} onChanged={onClose} />
      ) : (
        <Made secret={secret} onDone={onClose} />
      )}
    </Drawer>
  );
}

interface FormProps {
  webhook: Webhook | null;
  onMade: (secret: string) => void;
  onChanged: () => void;
}

function WebhookForm({ webhook, onMade, onChanged }: FormProps) {
  const { t } = useTranslation("webhooks");
  const actions = useWebhookActions();
  const notices = useNotices();
  const repeat = useRepeatKey();
  const request = useRequest(async ({ url, kinds }: Values) => {
    const body = { url: url.trim(), kinds };
    if (webhook === null) {
      onMade((await repeat(body, actions.create)).secret ?? "");
      return;
    }
    await actions.change(webhook, body);
    notices.done(t("done.changed"), () => actions.change(webhook, { url: webhook.url, kinds: webhook.kinds }));
    onChanged();
  });
  return (
    <Form
      layout="vertical"
      requiredMark={false}
      initialValues={{ url: webhook?.url ?? "", kinds: webhook?.kinds ?? ["*"] }}
      onFinish={request.run}
    >
      <Form.Item
        name="url"
        label={t("form.url")}
        extra={t("form.urlWhy")}
        rules={[{ validator: accept((text: string) => isReceiver(text.trim()), t("form.urlForm")) }]}
      >
        <Input
          type="url"
          maxLength={URL_LIMIT}
          autoComplete="off"
          spellCheck={false}
          placeholder="https://example.net/hook"
        />
      </Form.Item>
      <Form.Item
        name="kinds"
        label={t("form.kinds")}
        extra={t("form.kindsWhy")}
        rules={[
          { validator: accept((kinds: string[]) => kinds.length > 0, t("form.kindsMissing")) },
          { validator: accept((kinds: string[]) => kinds.every(isKind), t("form.kindForm")) },
        ]}
      >
        <Select
          mode="tags"
          maxCount={KINDS_LIMIT}
          tokenSeparators={[",", " "]}
          optionFilterProp="value"
          options={SUGGESTED_KINDS.map((kind) => ({ value: kind, label: kind }))}
          optionRender={({ value }) => <Kind kind={String(value)} />}
        />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={request.isRunning}>
        {t(webhook === null ? "form.make" : "form.save")}
      </Button>
      <ProblemNote error={request.error} />
    </Form>
  );
}

/** A kind, and what it means where that is known here. */
function Kind({ kind }: { kind: string }) {
  const { t, i18n } = useTranslation("webhooks");
  const name = kind.replaceAll(".", "-").replaceAll("*", "all");
  return (
    <>
      <span className="code">{kind}</span>{" "}
      {i18n.exists(`webhooks:kind.${name}`) && <span className={styles.quiet}>{t(`kind.${name}`)}</span>}
    </>
  );
}

function Made({ secret, onDone }: { secret: string; onDone: () => void }) {
  const { t } = useTranslation("webhooks");
  return (
    <div className={styles.made}>
      <Alert type="warning" showIcon title={t("made.once")} />
      <div>
        <p className={styles.step}>{t("made.secret")}</p>
        <CopyText text={secret} isBlock />
      </div>
      <p className={styles.quiet}>{t("made.check")}</p>
      <Button type="primary" onClick={onDone}>
        {t("made.done")}
      </Button>
    </div>
  );
}
