import { SearchOutlined } from "@ant-design/icons";
import { Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { countStandings, STANDINGS, tagsInUse, type MemberFilter } from "./memberFilter";
import styles from "./MemberFilters.module.css";

interface Props {
  members: Member[];
  filter: MemberFilter;
  onChange: (filter: MemberFilter) => void;
}

/** What to look for among the members. */
export function MemberFilters({ members, filter, onChange }: Props) {
  const { t } = useTranslation("members");
  const counts = countStandings(members);
  const tags = tagsInUse(members);
  return (
    <div className={styles.filters} role="search">
      <Input
        className={styles.text}
        allowClear
        prefix={<SearchOutlined aria-hidden />}
        placeholder={t("filter.text")}
        aria-label={t("filter.text")}
        value={filter.text}
        onChange={(event) => onChange({ ...filter, text: event.target.value })}
      />
      <Select
        className={styles.choice}
        allowClear
        placeholder={t("filter.standing")}
        aria-label={t("filter.standing")}
        value={filter.standing}
        onChange={(standing) => onChange({ ...filter, standing: standing ?? null })}
        options={STANDINGS.filter((one) => counts[one] > 0 || filter.standing === one).map((one) => ({
          value: one,
          label: `${t(`standing.${one}`)} (${counts[one]})`,
        }))}
      />
      {tags.length > 0 && (
        <Select
          className={styles.choice}
          allowClear
          showSearch
          placeholder={t("filter.tag")}
          aria-label={t("filter.tag")}
          value={filter.tag}
          onChange={(tag) => onChange({ ...filter, tag: tag ?? null })}
          options={tags.map((tag) => ({ value: tag, label: tag }))}
        />
      )}
    </div>
  );
}
