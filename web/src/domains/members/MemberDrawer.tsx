/** Everything about one member, beside the list. */
import { Drawer } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { Name } from "@/components/Name";
import { MemberDecisions } from "./MemberDecisions";
import styles from "./MemberDrawer.module.css";
import { MemberFacts } from "./MemberFacts";
import { MemberLinks } from "./MemberLinks";
import { MemberSettings } from "./MemberSettings";
import { MemberSubnets } from "./MemberSubnets";
import { standingOf } from "./memberFilter";
import { Standing } from "./Standing";

const WIDTH = 520;

interface Props {
  members: Member[];
  /** The member's id; null: the drawer is shut. */
  node: string | null;
  onClose: () => void;
}

export function MemberDrawer({ members, node, onClose }: Props) {
  const { t } = useTranslation("members");
  const member = members.find((one) => one.id === node);
  return (
    <Drawer
      open={node !== null}
      onClose={onClose}
      size={WIDTH}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      title={member ? <Title member={member} /> : t("details.gone")}
    >
      {member ? (
        <Details member={member} members={members} onRemoved={onClose} />
      ) : (
        <EmptyState title={t("details.gone")} text={t("details.goneText")} />
      )}
    </Drawer>
  );
}

function Title({ member }: { member: Member }) {
  return (
    <span className={styles.title}>
      <Name>{member.name}</Name>
      <span className={styles.standing}>
        <Standing standing={standingOf(member)} />
      </span>
    </span>
  );
}

function Details({ member, members, onRemoved }: { member: Member; members: Member[]; onRemoved: () => void }) {
  const mayDecide = useMay("operator");
  return (
    <div className={styles.parts}>
      <MemberFacts member={member} />
      {mayDecide && <MemberSettings key={member.id} member={member} />}
      <MemberLinks member={member} members={members} />
      <MemberSubnets member={member} />
      {mayDecide && <MemberDecisions member={member} onRemoved={onRemoved} />}
    </div>
  );
}
