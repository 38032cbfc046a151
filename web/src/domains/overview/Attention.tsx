import {
  ClockCircleOutlined,
  DisconnectOutlined,
  HistoryOutlined,
  KeyOutlined,
  PartitionOutlined,
  SwapOutlined,
  UserAddOutlined,
} from "@ant-design/icons";
import { useState, type ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Member } from "@/api/documents";
import { linkPath, memberPath } from "@/app/paths";
import { formatRelative } from "@/components/format";
import { Name } from "@/components/Name";
import type { Concern } from "./attention";
import { useReason } from "../links/reason";
import styles from "./Attention.module.css";

const ICONS: Record<Concern["kind"], ComponentType> = {
  pending: UserAddOutlined,
  down: DisconnectOutlined,
  away: ClockCircleOutlined,
  flapping: SwapOutlined,
  expiring: KeyOutlined,
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

function keyOf(concern: Concern): string {
  return `${concern.kind} ${"link" in concern ? `${concern.link.a} ${concern.link.b}` : concern.member.id}`;
}

function Line({ network, concern, members }: { network: string; concern: Concern; members: Props["members"] }) {
  const Icon = ICONS[concern.kind];
  const nameOf = (node: string) => members.get(node)?.name ?? node;
  const detail = useDetail(concern);
  const to =
    "link" in concern ? linkPath(network, concern.link.a, concern.link.b) : memberPath(network, concern.member.id);
  return (
    <li>
      <Link to={to} className={styles.line} data-kind={concern.kind}>
        <span className={styles.icon} aria-hidden>
          <Icon />
        </span>
        <span className={styles.words}>
          <span className={styles.what}>
            {"link" in concern ? (
              <>
                <Name>{nameOf(concern.link.a)}</Name>
                <span className={styles.between}>↔</span>
                <Name>{nameOf(concern.link.b)}</Name>
              </>
            ) : (
              <Name>{concern.member.name}</Name>
            )}
          </span>
          <span className={styles.detail}>{detail}</span>
        </span>
      </Link>
    </li>
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
    case "expiring":
      return t("attention.expiring", { when: formatRelative(concern.at) });
    case "flapping":
      return t("attention.flapping", { count: concern.changes ?? 0 });
    case "down":
      return reason({ why: concern.link.why }) || t("attention.path.none");
    case "relayed": {
      const path = t(`attention.path.${concern.link.path}`, { defaultValue: concern.link.path });
      const why = reason(concern.link);
      return why === "" ? path : t("attention.because", { path, why });
    }
  }
}
