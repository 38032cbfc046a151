import type { UseQueryResult } from "@tanstack/react-query";
import { Button, Skeleton } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { EmptyState } from "./EmptyState";
import { useProblemText } from "./problemText";

interface Props<Data> {
  query: UseQueryResult<Data>;
  /** What stands there while it is asked for; left out: lines of grey. */
  waiting?: ReactNode;
  children: (data: Data) => ReactNode;
}

/** What a query brought, or that it is being asked for, or why it could not be had. */
export function QueryState<Data>({ query, waiting, children }: Props<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) return <Failed problem={Problem.ofUnknown(query.error)} retry={() => void query.refetch()} />;
  return <>{waiting ?? <Skeleton active title={false} paragraph={{ rows: 6 }} />}</>;
}

function Failed({ problem, retry }: { problem: Problem; retry: () => void }) {
  const { t } = useTranslation();
  const text = useProblemText();
  return (
    <EmptyState
      title={t("query.failed")}
      text={text(problem)}
      action={problem.status !== 403 && <Button onClick={retry}>{t("action.retry")}</Button>}
    />
  );
}
