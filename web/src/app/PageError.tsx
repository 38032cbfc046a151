/** What stands where a page should be: it failed, or there is none. */
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { EmptyState } from "@/components/EmptyState";

export function PageError() {
  const error = useRouteError();
  const { t } = useTranslation();
  if (isRouteErrorResponse(error) && error.status === 404) return <NotFoundPage />;
  return (
    <EmptyState
      title={t("page.failed")}
      text={error instanceof Error ? error.message : undefined}
      action={<Button onClick={() => window.location.reload()}>{t("action.reload")}</Button>}
    />
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  return <EmptyState title={t("page.none")} text={t("page.noneText")} action={<Link to="/">{t("page.toStart")}</Link>} />;
}
