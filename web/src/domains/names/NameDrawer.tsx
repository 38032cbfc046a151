/** Makes a name, or has one lead elsewhere. */
import { Button, Drawer, Form, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import { accept } from "@/components/accept";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { ADDRESSES_MOST, isAddress, isName, useNameActions, type OwnName } from "./names";

interface Values {
  name: string;
  addresses: string[];
}

interface Props {
  network: string;
  origin: string;
  /** null: a new one. */
  edited: OwnName | null;
  taken: OwnName[];
  onClose: () => void;
}

export function NameDrawer({ network, origin, edited, taken, onClose }: Props) {
  const { t } = useTranslation("names");
  const actions = useNameActions(network);
  const notices = useNotices();
  const request = useRequest(async ({ name, addresses }: Values) => {
    const made = await actions.set(edited?.name ?? name.trim(), addresses);
    const back = edited ? () => actions.set(edited.name, edited.addresses) : () => actions.remove(made.name);
    notices.done(t("done", { name: made.full_name, addresses: made.addresses.join(", ") }), back);
    onClose();
  });
  const isFree = (text: string) => !taken.some((one) => one.name === text.trim().toLowerCase());
  return (
    <Drawer
      open
      onClose={onClose}
      size={440}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      title={edited ? t("edit.title", { name: edited.full_name }) : t("create")}
    >
      <Form
        layout="vertical"
        requiredMark={false}
        initialValues={{ name: "", addresses: edited?.addresses ?? [] }}
        onFinish={request.run}
      >
        {edited === null && (
          <Form.Item
            name="name"
            label={t("form.name")}
            extra={t("form.nameWhy")}
            rules={[
              { validator: accept((text: string) => isName(text.trim()), t("form.nameForm")) },
              { validator: accept(isFree, t("form.nameTaken")) },
            ]}
          >
            <Input autoComplete="off" autoCapitalize="none" spellCheck={false} maxLength={63} suffix={`.${origin}`} />
          </Form.Item>
        )}
        <Form.Item
          name="addresses"
          label={t("form.addresses")}
          extra={t("form.addressesWhy")}
          rules={[
            { validator: accept((given: string[]) => given.length > 0, t("form.addressesMissing")) },
            { validator: accept((given: string[]) => given.every(isAddress), t("form.addressForm")) },
          ]}
        >
          <Select
            mode="tags"
            open={false}
            suffixIcon={null}
            maxCount={ADDRESSES_MOST}
            tokenSeparators={[",", " "]}
            placeholder="192.168.1.20"
          />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={request.isRunning}>
          {t(edited ? "form.save" : "form.make")}
        </Button>
        <ProblemNote error={request.error} />
      </Form>
    </Drawer>
  );
}
