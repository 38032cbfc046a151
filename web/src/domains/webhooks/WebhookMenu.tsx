import { EllipsisOutlined } from "@ant-design/icons";
import { Button, Dropdown, type MenuProps } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { useNotices } from "@/components/notice";
import { useWebhookActions, type Webhook } from "./webhooks";

interface Props {
  webhook: Webhook;
  onEdit: () => void;
  onTest: () => void;
}

/** What can be done with a webhook. */
export function WebhookMenu({ webhook, onEdit, onTest }: Props) {
  const { t } = useTranslation("webhooks");
  const actions = useWebhookActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const words = { url: webhook.url };
  const enable = (is_enabled: boolean) =>
    void actions
      .change(webhook, { is_enabled })
      .then(() =>
        notices.done(t(is_enabled ? "done.resumed" : "done.paused"), () =>
          actions.change(webhook, { is_enabled: !is_enabled }),
        ),
      )
      .catch(notices.failed);
  const remove = () =>
    confirm({
      title: t("remove.title"),
      consequences: [
        <bdi key="url" className="code" style={{ overflowWrap: "anywhere" }}>
          {webhook.url}
        </bdi>,
        ...(webhook.waiting > 0 ? [t("remove.waiting", { count: webhook.waiting })] : []),
        t("remove.final"),
      ],
      action: t("action.remove"),
      run: () => actions.remove(webhook).then(() => notices.done(t("done.removed"))),
    });
  const items: MenuProps["items"] = [
    { key: "test", label: t("action.test"), disabled: !webhook.is_enabled, onClick: onTest },
    { key: "edit", label: t("action.edit"), onClick: onEdit },
    webhook.is_enabled
      ? { key: "pause", label: t("action.pause"), onClick: () => enable(false) }
      : { key: "resume", label: t("action.resume"), onClick: () => enable(true) },
    { type: "divider" },
    { key: "remove", label: t("action.remove"), danger: true, onClick: remove },
  ];
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button type="text" size="small" icon={<EllipsisOutlined aria-hidden />} aria-label={t("action.menu", words)} />
    </Dropdown>
  );
}
