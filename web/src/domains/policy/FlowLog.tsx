/** What members decided by the policy: whether the network keeps a log of it, what to look for, and the rows. */
import { Button, Skeleton, Switch } from "antd";
import { FileSearchOutlined, ReloadOutlined } from "@ant-design/icons";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useNetwork } from "@/api/queries";
import { useMay } from "@/api/session";
import { EmptyState } from "@/components/EmptyState";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { useNetworkActions } from "../networks/networkActions";
import { FlowFilters } from "./FlowFilters";
import { readFlowFilter, useFlows, writeFlowFilter, type FlowFilter } from "./flows";
import styles from "./FlowLog.module.css";
import { FlowTable } from "./FlowTable";

export function FlowLog({ network }: { network: string }) {
  const { t } = useTranslation("policy");
  const isKept = useNetwork(network)?.flow_log ?? false;
  const [search, setSearch] = useSearchParams();
  const filter = readFlowFilter(search);
  const query = useFlows(network, filter);
  const rows = query.data?.pages.flatMap((page) => page.items);
  const set = (wanted: FlowFilter) => setSearch({ show: "flows", ...writeFlowFilter(wanted) }, { replace: true });
  const isFiltered = Object.values(filter).some((one) => one !== null);
  const isBare = rows?.length === 0 && !isFiltered;
  return (
    <>
      <Kept network={network} isKept={isKept} />
      {!isBare && (
        <div className={styles.bar}>
          <FlowFilters network={network} filter={filter} onChange={set} />
          <Button icon={<ReloadOutlined />} loading={query.isRefetching} onClick={() => void query.refetch()}>
            {t("flows.again")}
          </Button>
        </div>
      )}
      {rows === undefined && !query.isError && <Skeleton active title={false} paragraph={{ rows: 6 }} />}
      {rows !== undefined && (
        <p className={rows.length > 0 ? styles.count : "visually-hidden"} role="status">
          {t(query.hasNextPage ? "flows.shownPart" : "flows.shownWhole", { count: rows.length })}
        </p>
      )}
      {rows !== undefined && rows.length > 0 && <FlowTable network={network} rows={rows} />}
      {isBare && (
        <EmptyState
          icon={<FileSearchOutlined />}
          title={t(isKept ? "flows.nothing" : "flows.off")}
          text={t(isKept ? "flows.nothingText" : "flows.offText")}
          action={isKept && <Button onClick={() => void query.refetch()}>{t("flows.again")}</Button>}
        />
      )}
      {rows?.length === 0 && isFiltered && (
        <EmptyState
          title={t("flows.noMatch")}
          action={<Button onClick={() => setSearch({ show: "flows" }, { replace: true })}>{t("flows.all")}</Button>}
        />
      )}
      <ProblemNote error={query.error} />
      {(query.hasNextPage || query.isError) && (
        <div className={styles.more}>
          <Button
            loading={query.isFetching}
            onClick={() => void (rows === undefined ? query.refetch() : query.fetchNextPage())}
          >
            {t(rows === undefined ? "common:action.retry" : "flows.older")}
          </Button>
        </div>
      )}
    </>
  );
}

/** Whether the log is kept; members are told of it, since it is about them. */
function Kept({ network, isKept }: { network: string; isKept: boolean }) {
  const { t } = useTranslation("policy");
  const label = useId();
  const mayChange = useMay("admin");
  const actions = useNetworkActions();
  const notices = useNotices();
  const set = async (wanted: boolean) => {
    const { tag } = await actions.readAgain(network);
    await actions.change(network, { flow_log: wanted }, tag);
  };
  const request = useRequest(async (wanted: boolean) => {
    await set(wanted);
    notices.done(t(wanted ? "flows.isOn" : "flows.isOff"), () => set(!wanted));
  });
  return (
    <div className={styles.kept}>
      {mayChange && (
        <div className={styles.switch}>
          <Switch aria-labelledby={label} checked={isKept} loading={request.isRunning} onChange={request.run} />
          <span id={label}>{t("flows.keep")}</span>
        </div>
      )}
      {!mayChange && <p className={styles.switch}>{t(isKept ? "flows.kept" : "flows.notKept")}</p>}
      <p className={styles.why}>{t("flows.why")}</p>
      <ProblemNote error={request.error} />
    </div>
  );
}
