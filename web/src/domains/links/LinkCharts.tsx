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
    <QueryState query={history} waiting={<Skeleton active paragraph={{ rows: 8 }} />}>
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
        <Chart course={course} seconds={seconds} values={[course.rtt_ms, course.jitter_ms]} series={latency} format={formatMilliseconds} height={210} />
      </Section>
      <div className={styles.pair}>
        <Section title={t("chart.throughput")}>
          <Chart course={course} seconds={seconds} values={[course.received, course.sent]} series={traffic} format={formatRate} />
        </Section>
        <Section title={t("chart.loss")}>
          <Chart course={course} seconds={seconds} values={[course.loss]} series={loss} format={formatShare} />
        </Section>
      </div>
    </>
  );
}

interface ChartProps {
  course: Course;
  seconds: number;
  values: (number | null)[][];
  series: Series[];
  format: (value: number) => string;
  height?: number;
}

function Chart({ course, seconds, values, series, format, height }: ChartProps) {
  const { t } = useTranslation("links");
  const summary = useMemo(() => {
    const first = values[0] ?? [];
    const known = first.filter((value) => value !== null);
    const last = known.at(-1);
    if (last === undefined) return t("chart.empty");
    const [least, most] = known.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [last, last]);
    return t("chart.summary", {
      title: series[0]?.label,
      least: format(least),
      most: format(most),
      last: format(last),
    });
  }, [values, series, format, t]);
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

/** The course so far, and one more value whenever the link is told anew. */
function useCourse(begun: Course, link: Link, seconds: number): Course {
  const [course, setCourse] = useState(begun);
  const { reported_at: at } = link;
  const [seen, setSeen] = useState<string | null>(null);
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
