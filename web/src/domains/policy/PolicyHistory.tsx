/** All policies that there were: what each changed, and putting one in force again. */
import { Button, Drawer, Table, Tag, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { Name } from "@/components/Name";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { RelativeTime } from "@/components/RelativeTime";
import { useRequest } from "@/components/useRequest";
import { AccessChanges } from "./AccessChanges";
import { LineDiff } from "./LineDiff";
import { usePolicyActions, usePolicyHistory, type Policy } from "./policies";
import styles from "./PolicyPage.module.css";

export function PolicyHistory({ network, current }: { network: string; current: Policy }) {
  const { t } = useTranslation("policy");
  const query = usePolicyHistory(network);
  const [shown, setShown] = useState<Policy | null>(null);
  const policies = query.data?.pages.flatMap((page) => page.items) ?? [];
  const columns: TableColumnsType<Policy> = [
    {
      title: t("history.policy"),
      key: "policy",
      render: (_, policy) => (
        <Button type="link" size="small" className={styles.open} onClick={() => setShown(policy)}>
          <Name>{policy.comment || t("history.numbered", { revision: policy.revision })}</Name>
        </Button>
      ),
    },
    {
      key: "state",
      width: 110,
      render: (_, policy) =>
        policy.revision === current.revision && (
          <Tag variant="outlined" color="success">
            {t("history.inForce")}
          </Tag>
        ),
    },
    { title: t("history.by"), key: "by", responsive: ["md"], render: (_, policy) => <Name>{policy.created_by}</Name> },
    {
      title: t("history.at"),
      key: "at",
      responsive: ["sm"],
      render: (_, policy) => policy.created_at !== null && <RelativeTime time={policy.created_at} />,
    },
  ];
  if (query.isSuccess && policies.length === 0) {
    return <EmptyState title={t("history.empty")} text={t("history.emptyText")} />;
  }
  return (
    <>
      <Table
        size="small"
        rowKey="revision"
        loading={query.isPending}
        columns={columns}
        dataSource={policies}
        pagination={false}
      />
      <ProblemNote error={query.error} />
      {query.hasNextPage && (
        <Button className={styles.older} loading={query.isFetching} onClick={() => void query.fetchNextPage()}>
          {t("history.older")}
        </Button>
      )}
      <Drawer
        open={shown !== null}
        onClose={() => setShown(null)}
        size={680}
        styles={{ wrapper: { maxWidth: "100vw" } }}
        title={shown && t("history.numbered", { revision: shown.revision })}
      >
        {shown && <OldPolicy network={network} old={shown} current={current} onDone={() => setShown(null)} />}
      </Drawer>
    </>
  );
}

interface OldPolicyProps {
  network: string;
  old: Policy;
  current: Policy;
  onDone: () => void;
}

function OldPolicy({ network, old, current, onDone }: OldPolicyProps) {
  const { t } = useTranslation("policy");
  const mayChange = useMay("admin");
  const actions = usePolicyActions(network);
  const notices = useNotices();
  const request = useRequest(async () => {
    const now = await actions.rollBack(old.revision, current.etag);
    notices.done(t("history.done"), () => actions.rollBack(current.revision, now.etag));
    onDone();
  });
  if (old.revision === current.revision) return <pre className={styles.whole}>{old.text}</pre>;
  return (
    <div className={styles.old}>
      <h3 className={styles.heading}>{t("history.text")}</h3>
      <LineDiff before={current.text} after={old.text} label={t("history.text")} />
      <h3 className={styles.heading}>{t("history.access")}</h3>
      <AccessChanges network={network} text={old.text} revision={current.revision} />
      {mayChange && (
        <Button type="primary" loading={request.isRunning} onClick={() => request.run()}>
          {t("history.action")}
        </Button>
      )}
      <ProblemNote error={request.error} />
    </div>
  );
}
