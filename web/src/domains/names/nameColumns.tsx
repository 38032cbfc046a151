import type { TableColumnType } from "antd";
import { useTranslation } from "react-i18next";
import { CopyText } from "@/components/CopyText";
import styles from "./NamesPage.module.css";

interface Named {
  full_name: string;
  addresses: string[];
}

/** A name and where it leads: beside it, and on a telephone below it. */
export function useNameColumns<Row extends Named>(): TableColumnType<Row>[] {
  const { t } = useTranslation("names");
  return [
    {
      title: t("column.name"),
      key: "name",
      render: (_, { full_name, addresses }) => (
        <>
          <span className={styles.whole}>
            <CopyText text={full_name} />
          </span>
          <span className={styles.below}>
            <Addresses addresses={addresses} />
          </span>
        </>
      ),
    },
    {
      title: t("column.addresses"),
      key: "addresses",
      responsive: ["sm"],
      render: (_, { addresses }) => <Addresses addresses={addresses} />,
    },
  ];
}

function Addresses({ addresses }: { addresses: string[] }) {
  return (
    <span className={styles.addresses}>
      {addresses.map((address) => (
        <span key={address} className="code">
          {address}
        </span>
      ))}
    </span>
  );
}
