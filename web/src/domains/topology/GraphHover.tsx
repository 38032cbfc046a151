import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { throughput, type Link } from "@/api/links";
import { formatMilliseconds, formatNumber, formatRate, formatShare } from "@/components/format";
import { Name } from "@/components/Name";
import { PathTag } from "@/components/PathTag";
import { useReason } from "../links/reason";
import type { Shown } from "./picture";
import styles from "./Graph.module.css";

export interface Hovered {
  /** In the drawing. */
  x: number;
  y: number;
  id: string;
  label?: string;
  path?: Shown;
  count: number;
  kinds?: Partial<Record<Shown, number>>;
  link?: Link | null;
}

/** What is under the pointer. */
export function GraphHover({ hovered, members }: { hovered: Hovered | null; members: readonly Member[] }) {
  if (hovered === null) return null;
  const nameOf = (id: string) => members.find((member) => member.id === id)?.name ?? id;
  const member = members.find((one) => one.id === hovered.id);
  return (
    <div className={styles.hover} style={{ left: hovered.x, top: hovered.y }}>
      {member && <MemberFacts member={member} />}
      {hovered.link && <LinkFacts link={hovered.link} nameOf={nameOf} />}
      {!member && !hovered.link && <Many hovered={hovered} />}
    </div>
  );
}

function MemberFacts({ member }: { member: Member }) {
  return (
    <>
      <strong>
        <Name>{member.name}</Name>
      </strong>
      <span className="code">{member.addresses[0] ?? member.id}</span>
    </>
  );
}

function LinkFacts({ link, nameOf }: { link: Link; nameOf: (id: string) => string }) {
  const { t } = useTranslation("topology");
  const why = useReason()(link);
  return (
    <>
      <strong className={styles.pair}>
        <Name>{nameOf(link.a)}</Name> ↔ <Name>{nameOf(link.b)}</Name>
      </strong>
      <PathTag path={link.path} />
      <span className="number">
        {link.rtt_ms !== null && `${t("rtt")} ${formatMilliseconds(link.rtt_ms)} · `}
        {link.loss !== null && `${t("loss")} ${formatShare(link.loss)} · `}
        {formatRate(throughput(link))}
      </span>
      {why && <span className={styles.why}>{why}</span>}
    </>
  );
}

function Many({ hovered }: { hovered: Hovered }) {
  const { t } = useTranslation("topology");
  if (hovered.kinds === undefined) {
    return (
      <>
        <strong>{hovered.label}</strong>
        <span>{t("open")}</span>
      </>
    );
  }
  return (
    <>
      <strong>{t("manyLinks", { count: hovered.count })}</strong>
      {Object.entries(hovered.kinds).map(([path, count]) => (
        <span key={path} className={styles.kind}>
          <PathTag path={path} /> <span className="number">{formatNumber(count)}</span>
        </span>
      ))}
    </>
  );
}
