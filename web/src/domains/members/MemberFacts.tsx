import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { CopyText } from "@/components/CopyText";
import { FactList, type Fact } from "@/components/FactList";
import { formatMilliseconds } from "@/components/format";
import { RelativeTime } from "@/components/RelativeTime";

/** What is known of a member. */
export function MemberFacts({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const facts: Fact[] = [
    ...member.addresses.map((address) => ({ label: t("fact.address"), value: <CopyText text={address} /> })),
    { label: t("fact.id"), value: <CopyText text={member.id} /> },
    { label: t("fact.mac"), value: <CopyText text={member.mac} /> },
    { label: t("fact.version"), value: <bdi>{member.version || t("fact.unknown")}</bdi> },
    { label: t("fact.joined"), value: <RelativeTime time={member.created_at} /> },
  ];
  if (member.is_online) {
    const rtt = member.rtt_ms === null ? "" : ` · ${formatMilliseconds(member.rtt_ms)}`;
    facts.push({ label: t("fact.source"), value: <bdi className="code">{`${member.source ?? ""}${rtt}`}</bdi> });
  } else {
    facts.push({ label: t("fact.seen"), value: <RelativeTime time={member.last_seen_at} /> });
  }
  if (member.nat_mapping !== null) facts.push({ label: t("fact.nat"), value: <Nat member={member} /> });
  if (member.plane !== null) facts.push({ label: t("fact.plane"), value: <bdi>{member.plane}</bdi> });
  if (member.capabilities.length > 0) {
    facts.push({ label: t("fact.capabilities"), value: <bdi>{member.capabilities.join(", ")}</bdi> });
  }
  if (member.is_ephemeral) facts.push({ label: t("fact.kind"), value: t("fact.ephemeral") });
  return <FactList facts={facts} />;
}

/** How the machine's router maps its connections; words that are not known here are shown as they are. */
function Nat({ member }: { member: Member }) {
  const { t, i18n } = useTranslation("members");
  const mapping = member.nat_mapping ?? "";
  return <bdi>{i18n.exists(`members:nat.${mapping}`) ? t(`nat.${mapping}`) : mapping}</bdi>;
}
