/** What people set of a member: its name, its tags, and whether it joins two Ethernets. */
import { Button, Form, Input, Select, Switch } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "@/api/documents";
import { useMembers } from "@/api/queries";
import { ProblemNote } from "@/components/ProblemNote";
import { useRequest } from "@/components/useRequest";
import { useMemberActions } from "./memberActions";
import styles from "./MemberDrawer.module.css";
import { tagsInUse } from "./memberFilter";

const NAME_LIMIT = 63;
const TAG = /^[a-z0-9][a-z0-9-]{0,31}$/;

export function MemberSettings({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  return (
    <section className={styles.part}>
      <h2 className={styles.heading}>{t("settings.title")}</h2>
      <Form layout="vertical" component="div">
        <NameField member={member} />
        <TagsField member={member} />
        <BridgeField member={member} />
      </Form>
    </section>
  );
}

function NameField({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const actions = useMemberActions();
  /** null: as it is. What somebody types stays, whatever the network does meanwhile. */
  const [typed, setTyped] = useState<string | null>(null);
  const save = useRequest(async () => {
    if (typed !== null) await actions.rename(member, typed.trim());
    setTyped(null);
  });
  const isChanged = typed !== null && typed.trim() !== member.name && typed.trim() !== "";
  return (
    <Form.Item label={t("settings.name")} htmlFor="member-name">
      <form
        className={styles.row}
        onSubmit={(event) => {
          event.preventDefault();
          if (isChanged) save.run();
        }}
      >
        <Input
          id="member-name"
          dir="auto"
          maxLength={NAME_LIMIT}
          value={typed ?? member.name}
          onChange={(event) => setTyped(event.target.value)}
        />
        <Button htmlType="submit" disabled={!isChanged} loading={save.isRunning}>
          {t("settings.rename")}
        </Button>
      </form>
      <ProblemNote error={save.error} />
    </Form.Item>
  );
}

function TagsField({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const actions = useMemberActions();
  const known = useMembers(member.network).data ?? [];
  const [chosen, setChosen] = useState<string[] | null>(null);
  const save = useRequest(async () => {
    if (chosen !== null) await actions.setTags(member, chosen);
    setChosen(null);
  });
  const isRight = chosen === null || chosen.every((tag) => TAG.test(tag));
  return (
    <Form.Item
      label={t("settings.tags")}
      htmlFor="member-tags"
      extra={t("settings.tagsWhy")}
      validateStatus={isRight ? undefined : "error"}
      help={isRight ? undefined : t("settings.tagForm")}
    >
      <div className={styles.row}>
        <Select
          id="member-tags"
          mode="tags"
          className={styles.wide}
          tokenSeparators={[",", " "]}
          value={chosen ?? member.tags}
          onChange={(tags: string[]) => setChosen(tags.map((tag) => tag.toLowerCase()))}
          options={tagsInUse(known).map((tag) => ({ value: tag, label: tag }))}
        />
        <Button disabled={chosen === null || !isRight} loading={save.isRunning} onClick={save.run}>
          {t("settings.save")}
        </Button>
      </div>
      <ProblemNote error={save.error} />
    </Form.Item>
  );
}

function BridgeField({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  const actions = useMemberActions();
  const save = useRequest((isBridge: boolean) => actions.setBridge(member, isBridge));
  return (
    <label className={styles.switch}>
      <Switch size="small" checked={member.is_bridge} loading={save.isRunning} onChange={save.run} />
      <span>
        {t("settings.bridge")}
        <span className={styles.note}>{t("settings.bridgeWhy")}</span>
        <ProblemNote error={save.error} />
      </span>
    </label>
  );
}
