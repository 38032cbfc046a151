/** What can be done with a member, for who may. */
import { EllipsisOutlined } from "@ant-design/icons";
import { Button, Dropdown, type MenuProps } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { memberPath } from "@/app/paths";
import type { Member } from "@/api/documents";
import { useMay } from "@/api/session";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { useMemberActions } from "./memberActions";
import { useMemberQuestions } from "./memberQuestions";

export function MemberMenu({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const mayDecide = useMay("operator");
  const navigate = useNavigate();
  const actions = useMemberActions();
  const questions = useMemberQuestions();
  const { failed } = useNotices();
  const isIn = member.state === "approved";
  const items: MenuProps["items"] = [
    { key: "details", label: t("action.details"), onClick: () => void navigate(memberPath(member.network, member.id)) },
  ];
  if (mayDecide) {
    items.push({ type: "divider" });
    if (!isIn) {
      items.push({ key: "approve", label: t("action.approve"), onClick: () => void actions.approve(member).catch(failed) });
    }
    if (member.state === "pending") {
      items.push({ key: "deny", label: t("action.deny"), danger: true, onClick: () => questions.deny(member) });
    }
    if (isIn) items.push({ key: "block", label: t("action.block"), danger: true, onClick: () => questions.block(member) });
    items.push({ key: "remove", label: t("action.remove"), danger: true, onClick: () => questions.remove(member) });
  }
  return (
    <Dropdown menu={{ items }} trigger={["click"]} placement="bottomRight">
      <Button
        type="text"
        size="small"
        icon={<EllipsisOutlined aria-hidden />}
        aria-label={t("action.menu", { name: isolated(member.name) })}
      />
    </Dropdown>
  );
}
