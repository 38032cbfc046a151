import { Checkbox } from "antd";
import { useTranslation } from "react-i18next";
import { VERBS, type ScopeArea, type Verb } from "./tokens";
import styles from "./TokensPage.module.css";

interface Props {
  areas: ScopeArea[];
  /** Given by the form. */
  value?: string[];
  onChange?: (scopes: string[]) => void;
}

/** What a token may, one area a row: to see it, and to change it. One does not include the other. */
export function ScopeMatrix({ areas, value = [], onChange }: Props) {
  const { t, i18n } = useTranslation("tokens");
  const nameOf = (area: string) => (i18n.exists(`tokens:area.${area}`) ? t(`area.${area}`) : area);
  const set = (scope: string, isIn: boolean) =>
    onChange?.(isIn ? [...value, scope] : value.filter((one) => one !== scope));
  const readable = areas.filter(({ verbs }) => verbs.includes("read")).map(({ area }) => `${area}:read`);
  const cell = (area: string, verb: Verb) => {
    const scope = `${area}:${verb}`;
    return (
      <Checkbox
        checked={value.includes(scope)}
        aria-label={t(`scopeNamed.${verb}`, { area: nameOf(area) })}
        onChange={(event) => set(scope, event.target.checked)}
      />
    );
  };
  return (
    <table className={styles.matrix}>
      <thead>
        <tr>
          <th scope="col">
            <button type="button" className={styles.all} onClick={() => onChange?.(readable)}>
              {t("form.readAll")}
            </button>
          </th>
          {VERBS.map((verb) => (
            <th key={verb} scope="col">
              {t(`verb.${verb}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {areas.map(({ area, verbs }) => (
          <tr key={area}>
            <th scope="row">{nameOf(area)}</th>
            {VERBS.map((verb) => (
              <td key={verb}>{verbs.includes(verb) && cell(area, verb)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
