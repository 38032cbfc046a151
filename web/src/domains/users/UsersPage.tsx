/** Who may use the controller, and what each may do. */
import { PlusOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { Page, Section } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { NewUserDrawer } from "./NewUserDrawer";
import { RoleGuide } from "./RoleGuide";
import { useUsers } from "./users";
import { UserTable } from "./UserTable";

export default function UsersPage() {
  const { t } = useTranslation("users");
  const mayChange = useMay("admin");
  const query = useUsers();
  const [isMaking, setMaking] = useState(false);
  const create = mayChange && (
    <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={() => setMaking(true)}>
      {t("create")}
    </Button>
  );
  return (
    <Page title={t("title")} intro={t("intro")} actions={create}>
      <Section>
        <QueryState query={query}>{(users) => <UserTable users={users} />}</QueryState>
      </Section>
      <Section title={t("roles.title")}>
        <RoleGuide />
      </Section>
      {mayChange && <NewUserDrawer isOpen={isMaking} onClose={() => setMaking(false)} />}
    </Page>
  );
}
