import { EllipsisOutlined } from "@ant-design/icons";
import { Button, Dropdown, type MenuProps } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { useExitActions, type Edge, type Gateway } from "./exits";

/** What an admin can do with a gateway. */
export function GatewayMenu({ gateway }: { gateway: Gateway }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const name = gateway.name || gateway.id;
  const words = { name: isolated(name) };
  const remove = () =>
    confirm({
      title: t("remove.title", words),
      consequences: [t("kick.streams", { count: gateway.streams }), t("remove.gateway")],
      action: t("action.remove"),
      typed: name,
      run: () => actions.removeGateway(gateway.id).then(() => notices.done(t("done.removed", words))),
    });
  return <Menu name={name} items={[{ key: "remove", label: t("action.remove"), danger: true, onClick: remove }]} />;
}

/** What an operator can do with an edge. */
export function EdgeMenu({ edge }: { edge: Edge }) {
  const { t } = useTranslation("exits");
  const actions = useExitActions();
  const confirm = useConfirm();
  const notices = useNotices();
  const name = edge.name || edge.id;
  const words = { name: isolated(name) };
  const kick = () =>
    confirm({
      title: t("breakOff.title", words),
      consequences: [t("breakOff.streams"), t("breakOff.back")],
      action: t("action.breakOff"),
      run: () => actions.kickEdge(edge.id).then(() => notices.done(t("done.brokenOff", words))),
    });
  const remove = () =>
    confirm({
      title: t("remove.title", words),
      consequences: [t("breakOff.streams"), t("remove.edge")],
      action: t("action.remove"),
      run: () => actions.removeEdge(edge.id).then(() => notices.done(t("done.removed", words))),
    });
  return (
    <Menu
      name={name}
      items={[
        { key: "kick", label: t("action.breakOff"), danger: true, disabled: !edge.is_online, onClick: kick },
        { key: "remove", label: t("action.remove"), danger: true, onClick: remove },
      ]}
    />
  );
}

function Menu({ name, items }: { name: string; items: MenuProps["items"] }) {
  const { t } = useTranslation("exits");
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button
        type="text"
        size="small"
        icon={<EllipsisOutlined aria-hidden />}
        aria-label={t("action.menu", { name: isolated(name) })}
      />
    </Dropdown>
  );
}
