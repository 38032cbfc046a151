import { EllipsisOutlined } from "@ant-design/icons";
import { Button, Dropdown, type MenuProps } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { useExitActions, type ExitUser } from "./exits";

/** What can be done with a user of the exits. */
export function ExitUserMenu({ user, onEdit }: { user: ExitUser; onEdit: () => void }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const words = { name: isolated(user.name) };
  const pause = (is_paused: boolean) =>
    void actions
      .changeUser(user.name, { is_paused })
      .then(() =>
        notices.done(t(is_paused ? "done.paused" : "done.resumed", words), () =>
          actions.changeUser(user.name, { is_paused: !is_paused }),
        ),
      )
      .catch(notices.failed);
  const kick = () =>
    confirm({
      title: t("kick.title", words),
      consequences: [t("kick.streams", { count: user.live_streams }), t("kick.back")],
      action: t("action.kick"),
      run: () => actions.kickUser(user.name).then(() => notices.done(t("done.kicked", words))),
    });
  const remove = () =>
    confirm({
      title: t("remove.title", words),
      consequences: [t("kick.streams", { count: user.live_streams }), t("remove.final")],
      action: t("action.remove"),
      typed: user.name,
      run: () => actions.removeUser(user.name).then(() => notices.done(t("done.removed", words))),
    });
  const items: MenuProps["items"] = [
    { key: "edit", label: t("action.edit"), onClick: onEdit },
    user.is_paused
      ? { key: "resume", label: t("action.resume"), onClick: () => pause(false) }
      : { key: "pause", label: t("action.pause"), onClick: () => pause(true) },
    { key: "kick", label: t("action.kick"), danger: true, disabled: user.live_streams === 0, onClick: kick },
    { key: "remove", label: t("action.remove"), danger: true, onClick: remove },
  ];
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button
        type="text"
        size="small"
        icon={<EllipsisOutlined aria-hidden />}
        aria-label={t("action.menu", words)}
      />
    </Dropdown>
  );
}
