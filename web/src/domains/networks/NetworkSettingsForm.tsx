/**
 * What can be changed of a network. A change says which state it is based on (If-Match): where somebody else saved
 * meanwhile, both are shown, and the person decides.
 */
import { Button, Checkbox, Form, Input, InputNumber, Radio } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { useNotices } from "@/components/notice";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { changesOf, SETTINGS, settingsOf, type Settings } from "./networkSettings";
import { useNetworkActions, type Tagged } from "./networkActions";
import { SettingsConflict } from "./SettingsConflict";
import { MTU_LEAST, MTU_MOST, NAME_LIMIT } from "./NewNetworkForm";
import styles from "./NewNetworkForm.module.css";

export function NetworkSettingsForm({ read, isReadOnly }: { read: Tagged; isReadOnly: boolean }) {
  const { t } = useTranslation("networks");
  const [form] = Form.useForm<Settings>();
  const actions = useNetworkActions();
  const notices = useNotices();
  const id = read.network.id;
  /** What the form was filled with: changes are told from it, and named as what they are based on. */
  const [base, setBase] = useState(read);
  const [theirs, setTheirs] = useState<Tagged | null>(null);
  const typed = Form.useWatch([], form) ?? settingsOf(base.network);
  const isChanged = SETTINGS.some((name) => typed[name] !== settingsOf(base.network)[name]);

  const takeOver = (found: Tagged) => {
    setBase(found);
    setTheirs(null);
    form.setFieldsValue(settingsOf(found.network));
  };
  const save = async (settings: Settings, basis: Tagged) => {
    const saved = await actions.change(id, changesOf(settings, basis.network), basis.tag);
    takeOver(saved);
    const back = changesOf(settingsOf(basis.network), saved.network);
    notices.done(t("settings.saved"), async () => takeOver(await actions.change(id, back, saved.tag)));
  };
  const request = useRequest(async (settings: Settings, basis: Tagged) => {
    try {
      await save({ ...settings, name: settings.name.trim() }, basis);
    } catch (error) {
      if (Problem.ofUnknown(error).code !== "changed-meanwhile") throw error;
      setTheirs(await actions.readAgain(id));
    }
  });

  return (
    <Form
      form={form}
      className={styles.form}
      layout="vertical"
      requiredMark={false}
      disabled={isReadOnly}
      initialValues={settingsOf(base.network)}
      onFinish={(settings) => request.run(settings, base)}
    >
      <Form.Item
        name="name"
        label={t("field.name")}
        rules={[{ required: true, whitespace: true, message: t("field.nameMissing") }]}
      >
        <Input maxLength={NAME_LIMIT} dir="auto" autoComplete="off" />
      </Form.Item>
      <Form.Item name="approval" label={t("field.approval")} extra={t("settings.approvalWhy")}>
        <Radio.Group vertical options={["automatic", "manual"].map((one) => ({ value: one, label: t(`approval.${one}`) }))} />
      </Form.Item>
      <Form.Item
        name="mtu"
        label={t("field.mtu")}
        extra={t("field.mtuWhy")}
        rules={[{ required: true, message: t("field.mtuMissing") }]}
      >
        <InputNumber min={MTU_LEAST} max={MTU_MOST} precision={0} />
      </Form.Item>
      <Form.Item name="flow_log" label={t("field.flow_log")} valuePropName="checked" extra={t("settings.flowLogWhy")}>
        <Checkbox>{t("settings.flowLog")}</Checkbox>
      </Form.Item>
      {theirs !== null && (
        <SettingsConflict
          mine={typed}
          theirs={settingsOf(theirs.network)}
          isRunning={request.isRunning}
          onKeepMine={() => request.run(typed, theirs)}
          onTakeTheirs={() => takeOver(theirs)}
        />
      )}
      {!isReadOnly && theirs === null && (
        <Button type="primary" htmlType="submit" disabled={!isChanged} loading={request.isRunning}>
          {t("settings.save")}
        </Button>
      )}
      <ProblemNote error={request.error} />
    </Form>
  );
}
