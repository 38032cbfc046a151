import { Skeleton } from "antd";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLinkHistory } from "@/api/linkQueries";
import type { Link } from "@/api/links";
import { isolated } from "@/components/isolated";
import { formatMilliseconds, formatRate, formatShare } from "@/components/format";
import { Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { TimeChart, type Series } from "@/components/TimeChart";
import { appended, type Course } from "./course";
import styles from "./LinkCharts.module.css";

type Column = Exclude<keyof Course, "time">;

const LATENCY: Column[] = ["rtt_ms", "jitter_ms"];
const TRAFFIC: Column[] = ["received", "sent"];
const LOSS: Column[] = ["loss"];

interface Props {
  network: string;
  link: Link;
  seconds: number;
  nameOf: (node: string) => string;
  /** What chooses the time that is shown. */
  extra: ReactNode;
}

/** How the link went: what the controller kept, and after it what is told while one looks. */
export function LinkCharts({ network, link, seconds, nameOf, extra }: Props) {
  const history = useLinkHistory(network, link.a, link.b, seconds);
  return (
    <QueryState query={history} waiting={<Skeleton active title={false} paragraph={{ rows: 8 }} />}>
      {(begun) => <Charts begun={begun} link={link} seconds={seconds} nameOf={nameOf} extra={extra} />}
    </QueryState>
  );
}

interface ChartsProps extends Omit<Props, "network"> {
  begun: Course;
}

function Charts({ begun, link, seconds, nameOf, extra }: ChartsProps) {
  const { t } = useTranslation("links");
  const course = useCourse(begun, link, seconds);
  const latency: Series[] = [
    { label: t("chart.rtt"), colour: "--ant-color-primary", isFilled: true },
    { label: t("chart.jitter"), colour: "--path-relay" },
  ];
  const loss: Series[] = [{ label: t("chart.loss"), colour: "--path-none", isFilled: true }];
  const traffic: Series[] = [
    { label: t("chart.received", { name: isolated(nameOf(link.a)) }), colour: "--path-peer", isFilled: true },
    { label: t("chart.received", { name: isolated(nameOf(link.b)) }), colour: "--path-tcp" },
  ];
  return (
    <>
      <Section title={t("chart.latency")} extra={extra}>
        <Chart course={course} seconds={seconds} columns={LATENCY} series={latency} format={formatMilliseconds} height={210} />
      </Section>
      <div className={styles.pair}>
        <Section title={t("chart.throughput")}>
          <Chart course={course} seconds={seconds} columns={TRAFFIC} series={traffic} format={formatRate} />
        </Section>
        <Section title={t("chart.loss")}>
          <Chart course={course} seconds={seconds} columns={LOSS} series={loss} format={formatShare} />
        </Section>
      </div>
    </>
  );
}

interface ChartProps {
  course: Course;
  seconds: number;
  columns: readonly Column[];
  series: Series[];
  format: (value: number) => string;
  height?: number;
}

function Chart({ course, seconds, columns, series, format, height }: ChartProps) {
  const { t } = useTranslation("links");
  const values = useMemo(() => columns.map((column) => course[column]), [course, columns]);
  const extent = useMemo(() => extentOf(values[0] ?? []), [values]);
  const summary =
    extent === null
      ? t("chart.empty")
      : t("chart.summary", {
          title: series[0]?.label,
          least: format(extent.least),
          most: format(extent.most),
          last: format(extent.last),
        });
  return (
    <TimeChart
      time={course.time}
      values={values}
      series={series}
      format={format}
      seconds={seconds}
      summary={summary}
      height={height}
      cursor="link"
    />
  );
}

function extentOf(values: readonly (number | null)[]): { least: number; most: number; last: number } | null {
  let [least, most, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (const value of values) {
    if (value === null) continue;
    if (value < least) least = value;
    if (value > most) most = value;
    last = value;
  }
  return Number.isNaN(last) ? null : { least, most, last };
}

/** The course so far, and one more value whenever the link is told anew. */
function useCourse(begun: Course, link: Link, seconds: number): Course {
  const [course, setCourse] = useState(() => appended(begun, link, seconds));
  const { reported_at: at } = link;
  const [seen, setSeen] = useState(at);
  if (seen !== at) {
    setSeen(at);
    setCourse(appended(course, link, seconds));
  }
  useEffect(() => {
    // Time goes on also where nobody reports: what is too old leaves the picture.
    const timer = setInterval(() => setCourse((known) => appended(known, null, seconds)), 10_000);
    return () => clearInterval(timer);
  }, [seconds]);
  return course;
}
