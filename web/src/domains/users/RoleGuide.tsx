import { useTranslation } from "react-i18next";
import styles from "./UsersPage.module.css";
import { ROLES } from "./users";

/** What each role may do, the least first: each may do what those before it may. */
export function RoleGuide() {
  const { t } = useTranslation("users");
  return (
    <dl className={styles.roles}>
      {ROLES.toReversed().map((role) => (
        <div key={role}>
          <dt>{t(`common:role.${role}`)}</dt>
          <dd>{t(`roles.${role}`)}</dd>
        </div>
      ))}
    </dl>
  );
}
