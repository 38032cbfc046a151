import {
  ApiOutlined,
  ClockCircleOutlined,
  DisconnectOutlined,
  HistoryOutlined,
  KeyOutlined,
  PartitionOutlined,
  QrcodeOutlined,
  SafetyCertificateOutlined,
  SwapOutlined,
  UserAddOutlined,
} from "@ant-design/icons";
import { useState, type ComponentType, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Member } from "@/api/documents";
import { isStraightTcp } from "@/api/links";
import { linkPath, memberPath, networkPath } from "@/app/paths";
import { formatRelative } from "@/components/format";
import { isolated } from "@/components/isolated";
import { Name } from "@/components/Name";
import type { Concern } from "./attention";
import { useReason } from "../links/reason";
import styles from "./Attention.module.css";

const ICONS: Record<Concern["kind"], ComponentType> = {
  pending: UserAddOutlined,
  down: DisconnectOutlined,
  away: ClockCircleOutlined,
  flapping: SwapOutlined,
  unsigned: SafetyCertificateOutlined,
  invite: QrcodeOutlined,
  token: KeyOutlined,
  webhook: ApiOutlined,
  relayed: PartitionOutlined,
  old: HistoryOutlined,
};

const SHOWN = 7;

interface Props {
  network: string;
  concerns: readonly Concern[];
  members: ReadonlyMap<string, Member>;
}

/** What somebody should look at: what it is, why, and the way there. */
export function Attention({ network, concerns, members }: Props) {
  const { t } = useTranslation("overview");
  const [isWhole, setWhole] = useState(false);
  if (concerns.length === 0) return <p className={styles.nothing}>{t("attention.nothing")}</p>;
  const shown = isWhole ? concerns : concerns.slice(0, SHOWN);
  return (
    <>
      <ul className={styles.list}>
        {shown.map((concern) => (
          <Line key={keyOf(concern)} network={network} concern={concern} members={members} />
        ))}
      </ul>
      {concerns.length > SHOWN && (
        <button type="button" className={styles.more} onClick={() => setWhole(!isWhole)}>
          {isWhole ? t("attention.less") : t("attention.more", { count: concerns.length - SHOWN })}
        </button>
      )}
    </>
  );
}

/** What it is about, as an address and as a key. */
function placeOf(concern: Concern, network: string): string {
  switch (concern.kind) {
    case "down":
    case "flapping":
    case "relayed":
      return linkPath(network, concern.link.a, concern.link.b);
    case "unsigned":
      return networkPath(network, "lock");
    case "invite":
      return networkPath(network, "keys");
    case "token":
      return "/tokens";
    case "webhook":
      return "/webhooks";
    default:
      return memberPath(network, concern.member.id);
  }
}

function keyOf(concern: Concern): string {
  if ("link" in concern) return `${concern.kind} ${concern.link.a} ${concern.link.b}`;
  if ("member" in concern) return `${concern.kind} ${concern.member.id}`;
  if ("members" in concern) return concern.kind;
  if ("invite" in concern) return `invite ${concern.invite.id}`;
  return "token" in concern ? `token ${concern.token.id}` : `webhook ${concern.webhook.id}`;
}

function Line({ network, concern, members }: { network: string; concern: Concern; members: Props["members"] }) {
  const Icon = ICONS[concern.kind];
  const detail = useDetail(concern);
  return (
    <li>
      <Link to={placeOf(concern, network)} className={styles.line} data-kind={concern.kind}>
        <span className={styles.icon} aria-hidden>
          <Icon />
        </span>
        <span className={styles.words}>
          <span className={styles.what}>
            <What concern={concern} members={members} />
          </span>
          <span className={styles.detail}>{detail}</span>
        </span>
      </Link>
    </li>
  );
}

function What({ concern, members }: { concern: Concern; members: Props["members"] }): ReactNode {
  const { t } = useTranslation("overview");
  if ("link" in concern) {
    const nameOf = (node: string) => members.get(node)?.name ?? node;
    return (
      <>
        <Name>{nameOf(concern.link.a)}</Name>
        <span className={styles.between}>↔</span>
        <Name>{nameOf(concern.link.b)}</Name>
      </>
    );
  }
  if ("member" in concern) return <Name>{concern.member.name}</Name>;
  if ("members" in concern) {
    const [first, ...others] = concern.members;
    if (first && others.length === 0) return <Name>{first.name}</Name>;
    return t("attention.unsignedMembers", { count: concern.members.length });
  }
  if ("invite" in concern) return t("attention.invite", { id: concern.invite.id });
  if ("token" in concern) {
    return (
      <>
        {t("attention.token")} <Name>{concern.token.name}</Name>
      </>
    );
  }
  return (
    <>
      {t("attention.webhook")} <Name>{concern.webhook.url}</Name>
    </>
  );
}

function useDetail(concern: Concern): string {
  const { t } = useTranslation("overview");
  const reason = useReason();
  switch (concern.kind) {
    case "pending":
      return t("attention.pending", { ago: formatRelative(concern.member.created_at) });
    case "away":
      return t("attention.away", { ago: formatRelative(concern.member.last_seen_at) });
    case "old":
      return t("attention.old", { version: concern.member.version, newest: concern.newest });
    case "unsigned":
      return t("attention.unsigned", { count: concern.members.length });
    case "invite":
      return t("attention.inviteEnds", { when: formatRelative(concern.invite.expires_at), count: concern.invite.uses_left });
    case "token":
      return t("attention.tokenEnds", { when: formatRelative(concern.token.expires_at) });
    case "webhook":
      return concern.webhook.is_enabled
        ? t("attention.webhookFails", { why: isolated(concern.webhook.last_outcome) })
        : t("attention.webhookGone");
    case "flapping":
      return t("attention.flapping", { count: concern.changes ?? 0 });
    case "down":
      return reason({ why: concern.link.why }) || t("attention.path.none");
    case "relayed": {
      const kind = isStraightTcp(concern.link) ? "tcpStraight" : concern.link.path;
      const path = t(`attention.path.${kind}`, { defaultValue: concern.link.path });
      const why = reason(concern.link);
      return why === "" ? path : t("attention.because", { path, why });
    }
  }
}
