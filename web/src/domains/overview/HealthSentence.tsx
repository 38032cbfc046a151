import { CheckCircleFilled, ClockCircleFilled, ExclamationCircleFilled, InfoCircleFilled } from "@ant-design/icons";
import type { ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { healthOf, type Health, type Summary } from "./summary";
import styles from "./HealthSentence.module.css";

const ICONS: Record<Health, ComponentType> = {
  good: CheckCircleFilled,
  relayed: InfoCircleFilled,
  away: ExclamationCircleFilled,
  down: ExclamationCircleFilled,
  waiting: ClockCircleFilled,
  empty: InfoCircleFilled,
};

export function HealthIcon({ summary }: { summary: Summary }) {
  const health = healthOf(summary);
  const Icon = ICONS[health];
  return (
    <span className={styles.icon} data-health={health} aria-hidden>
      <Icon />
    </span>
  );
}

/** The network's health in one sentence, and below it what it is made of. */
export function useHealthSentences(summary: Summary): [sentence: string, detail: string] {
  const { t } = useTranslation("overview");
  const health = healthOf(summary);
  const away = summary.members - summary.online;
  const counts: Partial<Record<Health, number>> = { down: summary.down, away, waiting: summary.pending };
  const values = {
    members: summary.members,
    online: summary.online,
    links: summary.links,
    direct: summary.direct,
    count: counts[health] ?? summary.members,
  };
  return [t(`health.${health}`, values), t(summary.links > 0 ? "health.detail" : `health.${health}Next`, values)];
}
