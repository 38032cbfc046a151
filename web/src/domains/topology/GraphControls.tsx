import { AimOutlined, MinusOutlined, PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { Core } from "cytoscape";
import { useTranslation } from "react-i18next";
import { fit } from "./fit";
import styles from "./Graph.module.css";

const STEP = 1.3;

export function GraphControls({ core }: { core: Core | null }) {
  const { t } = useTranslation("topology");
  const zoom = (factor: number) => {
    if (core === null) return;
    const middle = { x: core.width() / 2, y: core.height() / 2 };
    core.zoom({ level: core.zoom() * factor, renderedPosition: middle });
  };
  return (
    <div className={styles.controls}>
      <Button type="text" size="small" aria-label={t("closer")} icon={<PlusOutlined />} onClick={() => zoom(STEP)} />
      <Button type="text" size="small" aria-label={t("farther")} icon={<MinusOutlined />} onClick={() => zoom(1 / STEP)} />
      <Button type="text" size="small" aria-label={t("all")} icon={<AimOutlined />} onClick={() => core && fit(core)} />
    </div>
  );
}
