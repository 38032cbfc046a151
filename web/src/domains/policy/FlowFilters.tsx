import { InputNumber, Select } from "antd";
import { useTranslation } from "react-i18next";
import { useMembers } from "@/api/queries";
import { OUTCOMES, PERIOD_NAMES, type FlowFilter } from "./flows";
import styles from "./FlowLog.module.css";

interface Props {
  network: string;
  filter: FlowFilter;
  onChange: (filter: FlowFilter) => void;
}

/** As the log names them; others have a number. */
const PROTOCOLS = ["tcp", "udp", "icmp", "sctp", "gre", "esp", "ah"];
const UNNAMED = ["unreadable", "rest"] as const;
const PORT_MOST = 65_535;

/** What to look for in the log. */
export function FlowFilters({ network, filter, onChange }: Props) {
  const { t } = useTranslation("policy");
  const members = useMembers(network).data ?? [];
  const names = members.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <div className={styles.filters} role="search" aria-label={t("flows.filter.label")}>
      <Select
        className={styles.member}
        allowClear
        showSearch={{ optionFilterProp: "label" }}
        placeholder={t("flows.filter.member")}
        aria-label={t("flows.filter.member")}
        value={filter.member}
        onChange={(member) => onChange({ ...filter, member: member ?? null })}
        options={names.toSorted((one, other) => one.label.localeCompare(other.label))}
      />
      <Select
        className={styles.choice}
        allowClear
        placeholder={t("flows.filter.outcome")}
        aria-label={t("flows.filter.outcome")}
        value={filter.outcome}
        onChange={(outcome) => onChange({ ...filter, outcome: outcome ?? null })}
        options={OUTCOMES.map((one) => ({ value: one, label: t(`flows.outcome.${one}`) }))}
      />
      <Select
        className={styles.choice}
        allowClear
        placeholder={t("flows.filter.protocol")}
        aria-label={t("flows.filter.protocol")}
        value={filter.protocol}
        onChange={(protocol) => onChange({ ...filter, protocol: protocol ?? null })}
        options={[
          ...PROTOCOLS.map((one) => ({ value: one, label: one.toUpperCase() })),
          ...UNNAMED.map((one) => ({ value: one, label: t(`flows.protocol.${one}`) })),
        ]}
      />
      <InputNumber
        className={styles.port}
        min={1}
        max={PORT_MOST}
        precision={0}
        controls={false}
        changeOnBlur
        placeholder={t("flows.filter.port")}
        aria-label={t("flows.filter.port")}
        value={filter.port}
        onChange={(port) => onChange({ ...filter, port })}
      />
      <Select
        className={styles.choice}
        allowClear
        placeholder={t("flows.filter.since")}
        aria-label={t("flows.filter.since")}
        value={filter.period}
        onChange={(period) => onChange({ ...filter, period: period ?? null })}
        options={PERIOD_NAMES.map((one) => ({ value: one, label: t(`flows.since.${one}`) }))}
      />
    </div>
  );
}
