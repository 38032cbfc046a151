import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { SETTINGS, type Settings } from "./networkSettings";
import styles from "./SettingsConflict.module.css";

interface Props {
  mine: Settings;
  theirs: Settings;
  isRunning: boolean;
  onKeepMine: () => void;
  onTakeTheirs: () => void;
}

/** Somebody else saved meanwhile: both side by side, and the choice. */
export function SettingsConflict({ mine, theirs, isRunning, onKeepMine, onTakeTheirs }: Props) {
  const { t } = useTranslation("networks");
  const shown = (settings: Settings, name: (typeof SETTINGS)[number]) => {
    if (name === "approval") return t(`approvalShort.${settings.approval}`);
    return name === "flow_log" ? t(settings.flow_log ? "conflict.on" : "conflict.off") : String(settings[name]);
  };
  const differing = SETTINGS.filter((name) => mine[name] !== theirs[name]);
  return (
    <Alert
      type="warning"
      role="alert"
      title={t("conflict.title")}
      description={
        <>
          <table className={styles.both}>
            <thead>
              <tr>
                <th scope="col">{t("conflict.setting")}</th>
                <th scope="col">{t("conflict.theirs")}</th>
                <th scope="col">{t("conflict.mine")}</th>
              </tr>
            </thead>
            <tbody>
              {differing.map((name) => (
                <tr key={name}>
                  <th scope="row">{t(`field.${name}`)}</th>
                  <td>
                    <bdi>{shown(theirs, name)}</bdi>
                  </td>
                  <td>
                    <bdi>{shown(mine, name)}</bdi>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <div className={styles.choice}>
            <Button onClick={onTakeTheirs}>{t("conflict.takeTheirs")}</Button>
            <Button type="primary" loading={isRunning} onClick={onKeepMine}>
              {t("conflict.keepMine")}
            </Button>
          </div>
        </>
      }
    />
  );
}
