import { useTranslation } from "react-i18next";
import { pathType } from "@/api/links";
import styles from "./PathTag.module.css";

/** A path's type, by colour, by the pattern of its line and by word. */
export function PathTag({ path }: { path: string }) {
  const { t } = useTranslation();
  const type = pathType(path);
  return (
    <span className={styles.tag} data-path={type}>
      <svg className={styles.line} viewBox="0 0 22 6" aria-hidden>
        <line x1="1" y1="3" x2="21" y2="3" />
      </svg>
      {type === "unknown" ? path : t(`path.${type}`)}
    </span>
  );
}
