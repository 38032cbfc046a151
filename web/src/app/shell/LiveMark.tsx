import { Tooltip } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useHeardAt, useLiveState } from "@/api/liveState";
import { RelativeTime } from "@/components/RelativeTime";
import styles from "./LiveMark.module.css";

/** Whether what is shown follows what happens. */
export function LiveMark() {
  const { t } = useTranslation();
  const state = useLiveState();
  return (
    <Tooltip title={t(`live.${state}Text`)}>
      <span className={styles.mark} data-state={state} role="status">
        <span className={styles.dot} aria-hidden />
        {t(`live.${state}`)}
      </span>
    </Tooltip>
  );
}

const PATIENCE_MILLISECONDS = 3000;

/** Says how old the page is, where the connection does not come back at once. */
export function LiveBanner() {
  return useLiveState() === "reconnecting" ? <LateBanner /> : null;
}

function LateBanner() {
  const { t } = useTranslation();
  const heardAt = useHeardAt();
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return null;
  return (
    <div className={styles.banner} role="alert">
      {t("live.lost")} {heardAt !== null && <RelativeTime time={heardAt} />}
    </div>
  );
}
