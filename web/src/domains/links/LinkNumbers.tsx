import { useTranslation } from "react-i18next";
import type { Link } from "@/api/links";
import { isolated } from "@/components/isolated";
import { formatMilliseconds, formatNumber, formatRate, formatShare } from "@/components/format";
import { RelativeTime } from "@/components/RelativeTime";
import styles from "./LinkNumbers.module.css";

/** The figures of this moment. */
export function LinkNumbers({ link, nameOf }: { link: Link; nameOf: (node: string) => string }) {
  const { t } = useTranslation("links");
  const none = t("none");
  const figures: [string, React.ReactNode][] = [
    [t("rtt"), link.rtt_ms === null ? none : formatMilliseconds(link.rtt_ms)],
    [t("jitter"), link.jitter_ms === null ? none : formatMilliseconds(link.jitter_ms)],
    [t("loss"), link.loss === null ? none : formatShare(link.loss)],
    [t("chart.received", { name: isolated(nameOf(link.a)) }), formatRate(link.received_bytes_per_second)],
    [t("chart.received", { name: isolated(nameOf(link.b)) }), formatRate(link.sent_bytes_per_second)],
    [t("mtu"), link.mtu === 0 ? none : t("bytes", { bytes: formatNumber(link.mtu) })],
    [t("cipher"), link.cipher || none],
    [t("handshake"), link.handshake_at === null ? none : <RelativeTime key="at" time={link.handshake_at} />],
  ];
  return (
    <dl className={styles.numbers}>
      {figures.map(([label, value]) => (
        <div key={label} className={styles.figure}>
          <dt title={label}>{label}</dt>
          <dd className="number">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
