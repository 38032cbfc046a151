import { LaptopOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { networkPath } from "@/app/paths";
import { EmptyState } from "@/components/EmptyState";
import { Section } from "@/components/Page";

/** A network without members: what to do to get some. */
export function FirstSteps({ network, pending }: { network: string; pending: number }) {
  const { t } = useTranslation("overview");
  const navigate = useNavigate();
  const isWaiting = pending > 0;
  return (
    <Section>
      <EmptyState
        icon={<LaptopOutlined />}
        title={t(isWaiting ? "first.waiting" : "first.title", { count: pending })}
        text={t(isWaiting ? "first.waitingText" : "first.text")}
        action={
          <Button type="primary" onClick={() => void navigate(networkPath(network, isWaiting ? "members" : "keys"))}>
            {t(isWaiting ? "first.approve" : "first.invite")}
          </Button>
        }
      />
    </Section>
  );
}
