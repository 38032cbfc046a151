/** Who changed what, and whether the log is as it was written. */
import { Button, Input, Select, Skeleton } from "antd";
import { SearchOutlined } from "@ant-design/icons";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { EmptyState } from "@/components/EmptyState";
import { Page, Section } from "@/components/Page";
import { ProblemNote } from "@/components/ProblemNote";
import { filterLines, subjectOf, useAudit, type AuditFilter, type AuditLine } from "./audit";
import styles from "./AuditPage.module.css";
import { AuditTable } from "./AuditTable";
import { ChainCheck } from "./ChainCheck";

export default function AuditPage() {
  const { t } = useTranslation("audit");
  const query = useAudit();
  const lines = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data]);
  return (
    <Page title={t("title")} intro={t("intro")}>
      <ChainCheck />
      <Section>
        {lines === undefined && !query.isError && <Skeleton active title={false} paragraph={{ rows: 8 }} />}
        {lines?.length === 0 && <EmptyState title={t("empty.title")} text={t("empty.text")} />}
        {lines !== undefined && lines.length > 0 && (
          <Lines lines={lines} isWhole={!query.hasNextPage} />
        )}
        <ProblemNote error={query.error} />
        {(query.hasNextPage || query.isError) && (
          <div className={styles.more}>
            <Button
              loading={query.isFetching}
              onClick={() => void (lines === undefined ? query.refetch() : query.fetchNextPage())}
            >
              {t(lines === undefined ? "common:action.retry" : "older")}
            </Button>
          </div>
        )}
      </Section>
    </Page>
  );
}

function Lines({ lines, isWhole }: { lines: AuditLine[]; isWhole: boolean }) {
  const { t, i18n } = useTranslation("audit");
  const [search, setSearch] = useSearchParams();
  const filter: AuditFilter = { text: search.get("q") ?? "", subject: search.get("about") };
  const shown = filterLines(lines, filter);
  const set = (change: Partial<AuditFilter>) => {
    const next = { ...filter, ...change };
    setSearch({ ...(next.text && { q: next.text }), ...(next.subject && { about: next.subject }) }, { replace: true });
  };
  const subjects = [...new Set(lines.map((line) => subjectOf(line.action)))].sort();
  return (
    <>
      <div className={styles.filters} role="search">
        <Input
          className={styles.text}
          allowClear
          prefix={<SearchOutlined aria-hidden />}
          placeholder={t("filter.text")}
          aria-label={t("filter.text")}
          value={filter.text}
          onChange={(event) => set({ text: event.target.value })}
        />
        <Select
          className={styles.choice}
          allowClear
          placeholder={t("filter.about")}
          aria-label={t("filter.about")}
          value={filter.subject}
          onChange={(subject) => set({ subject: subject ?? null })}
          options={subjects.map((one) => ({
            value: one,
            label: i18n.exists(`audit:about.${one}`) ? t(`about.${one}`) : one,
          }))}
        />
      </div>
      <p className={styles.count} role="status">
        {t(isWhole ? "shown.whole" : "shown.part", { shown: shown.length, loaded: lines.length })}
      </p>
      {shown.length === 0 ? <EmptyState title={t("noMatch")} /> : <AuditTable lines={shown} />}
    </>
  );
}
