import { DisconnectOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { useProblemText } from "@/components/problemText";

const AGAIN_MILLISECONDS = 3000;

/** The API does not answer, so nobody knows who is logged in. It is asked again by itself. */
export function Unreachable() {
  const { t } = useTranslation();
  const { problem, retry } = useSession();
  const problemText = useProblemText();
  useEffect(() => {
    const timer = setTimeout(retry, AGAIN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [problem, retry]);
  return (
    <main>
      <EmptyState
        icon={<DisconnectOutlined />}
        title={t("query.failed")}
        text={problem ? problemText(problem) : undefined}
        action={<Button onClick={retry}>{t("action.retry")}</Button>}
      />
    </main>
  );
}
