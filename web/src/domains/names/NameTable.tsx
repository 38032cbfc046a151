import { Button, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { useNotices } from "@/components/notice";
import { RelativeTime } from "@/components/RelativeTime";
import { useNameColumns } from "./nameColumns";
import { useNameActions, type OwnName } from "./names";
import styles from "./NamesPage.module.css";

const ROWS = 50;

interface Props {
  network: string;
  names: OwnName[];
  /** Left out: who looks may not change them. */
  onEdit?: (name: OwnName) => void;
}

/** The names that people made, and where each leads. */
export function NameTable({ network, names, onEdit }: Props) {
  const { t } = useTranslation("names");
  const columns: TableColumnsType<OwnName> = [
    ...useNameColumns<OwnName>(),
    {
      title: t("column.made"),
      key: "made",
      responsive: ["lg"],
      render: (_, { created_at }) => <RelativeTime time={created_at} />,
    },
  ];
  if (onEdit) {
    columns.push({
      key: "change",
      title: <span className="visually-hidden">{t("column.change")}</span>,
      align: "end",
      render: (_, one) => <Changes network={network} one={one} onEdit={() => onEdit(one)} />,
    });
  }
  return (
    <Table
      size="small"
      rowKey="name"
      columns={columns}
      dataSource={names}
      pagination={{ pageSize: ROWS, hideOnSinglePage: true, showSizeChanger: false }}
    />
  );
}

function Changes({ network, one, onEdit }: { network: string; one: OwnName; onEdit: () => void }) {
  const { t } = useTranslation("names");
  const confirm = useConfirm();
  const notices = useNotices();
  const actions = useNameActions(network);
  const words = { name: one.full_name };
  const remove = () =>
    confirm({
      title: t("remove.title", words),
      consequences: [t("remove.gone"), t("remove.member"), t("remove.back")],
      action: t("remove.action"),
      run: async () => {
        await actions.remove(one.name);
        notices.done(t("remove.done", words), () => actions.set(one.name, one.addresses));
      },
    });
  return (
    <div className={styles.changes}>
      <Button size="small" type="text" aria-label={t("edit.named", words)} onClick={onEdit}>
        {t("edit.action")}
      </Button>
      <Button size="small" type="text" danger aria-label={t("remove.named", words)} onClick={remove}>
        {t("remove.action")}
      </Button>
    </div>
  );
}
