import { useTranslation } from "react-i18next";
import { formatMilliseconds, formatNumber, formatRate, formatShare } from "@/components/format";
import { Sparkline } from "@/components/Sparkline";
import type { Sample } from "./samples";
import type { Summary } from "./summary";
import styles from "./Counters.module.css";

const share = (summary: Pick<Summary, "links" | "direct">) => (summary.links > 0 ? summary.direct / summary.links : null);

/** Four numbers, and how they went lately. */
export function Counters({ summary, samples }: { summary: Summary; samples: readonly Sample[] }) {
  const { t } = useTranslation("overview");
  const directShare = share(summary);
  const { medianRttMs, bytesPerSecond } = summary;
  const none = t("counter.none");
  return (
    <dl className={styles.counters}>
      <Counter
        label={t("counter.online")}
        value={formatNumber(summary.online)}
        of={t("counter.ofMembers", { count: summary.members })}
        history={samples.map((sample) => sample.online)}
      />
      <Counter
        label={t("counter.direct")}
        value={directShare === null ? none : formatShare(directShare)}
        of={directShare === null ? "" : t("counter.ofLinks", { direct: summary.direct, count: summary.links })}
        history={samples.map(share)}
      />
      <Counter
        label={t("counter.rtt")}
        value={medianRttMs === null ? none : formatMilliseconds(medianRttMs)}
        of={medianRttMs === null ? "" : t("counter.median")}
        history={samples.map((sample) => sample.medianRttMs)}
      />
      <Counter
        label={t("counter.throughput")}
        value={bytesPerSecond === null ? none : formatRate(bytesPerSecond)}
        of={bytesPerSecond === null ? "" : t("counter.allLinks")}
        history={samples.map((sample) => sample.bytesPerSecond)}
      />
    </dl>
  );
}

interface CounterProps {
  label: string;
  value: string;
  of: string;
  history: (number | null)[];
}

function Counter({ label, value, of, history }: CounterProps) {
  return (
    <div className={styles.counter}>
      <dt className={styles.label}>{label}</dt>
      <dd className={`number ${styles.value}`}>
        {value} <span className={styles.of}>{of}</span>
      </dd>
      <dd className={styles.history}>
        <Sparkline values={history} />
      </dd>
    </div>
  );
}
