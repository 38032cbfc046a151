import { App, Switch } from "antd";
import { useTranslation } from "react-i18next";
import { useConfirm } from "@/components/confirm";
import { isolated } from "@/components/isolated";
import { useNotices } from "@/components/notice";
import { useProblemText } from "@/components/problemText";
import { useRequest } from "@/components/useRequest";
import { useSubnetDecision } from "./subnetActions";
import { isExit, type SubnetRoute } from "./subnets";

/** Opens a network to others, or shuts it; what carries traffic is asked about first. */
export function SubnetSwitch({ route, isReadOnly }: { route: SubnetRoute; isReadOnly: boolean }) {
  const { t } = useTranslation("routes");
  const confirm = useConfirm();
  const notices = useNotices();
  const { message } = App.useApp();
  const problemText = useProblemText();
  const decide = useSubnetDecision();
  const { subnet, router } = route;
  const words = { subnet, name: isolated(router.name) };

  const set = async (isOpen: boolean) => {
    await decide(router.network, router.id, subnet, isOpen);
    notices.done(t(isOpen ? "done.opened" : "done.shut", words), () =>
      decide(router.network, router.id, subnet, !isOpen),
    );
  };
  const open = useRequest(() => set(true).catch((error: unknown) => void message.error(problemText(error))));
  const ask = () =>
    confirm({
      title: t("shut.title", words),
      consequences: [t(isExit(subnet) ? "shut.exit" : "shut.traffic", words), t("shut.back")],
      action: t("shut.action"),
      run: () => set(false),
    });
  return (
    <Switch
      size="small"
      checked={route.isApproved}
      disabled={isReadOnly}
      loading={open.isRunning}
      aria-label={t("openNamed", words)}
      onChange={(isOpen) => (isOpen ? open.run() : ask())}
    />
  );
}
