/** Has a pair use a relay for a while, so that one knows before it is needed that relays carry. */
import { ExperimentOutlined } from "@ant-design/icons";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import type { Link } from "@/api/links";
import { useMay } from "@/api/session";
import { useConfirm } from "@/components/confirm";
import { useNotices } from "@/components/notice";
import { useRequest } from "@/components/useRequest";

const SECONDS = 30;
/** As agents word it (zerogo/routing/hysteresis.py). */
const REASON = "a test of the relay";

function ask(link: Link, seconds: number): Promise<unknown> {
  const path = { network: link.network_id, a: link.a, b: link.b };
  return answer(api.POST("/networks/{network}/links/{a}/{b}/relay-test", { params: { path }, body: { seconds } }));
}

export function RelayTestButton({ link }: { link: Link }) {
  const { t } = useTranslation("links");
  const mayTest = useMay("operator");
  const confirm = useConfirm();
  const notices = useNotices();
  if (!mayTest || link.path === "none" || isTested(link)) return null;
  const begin = () =>
    confirm({
      title: t("relayTest.title"),
      consequences: [t("relayTest.why"), t("relayTest.traffic"), t("relayTest.safe")],
      action: t("relayTest.action"),
      isDangerous: false,
      run: () => ask(link, SECONDS).then(() => notices.done(t("relayTest.asked"), () => ask(link, 0))),
    });
  return (
    <Button icon={<ExperimentOutlined aria-hidden />} onClick={begin}>
      {t("relayTest.action")}
    </Button>
  );
}

/** While a test goes on, that it does, and a way to end it. */
export function RelayTestNote({ link }: { link: Link }) {
  const { t } = useTranslation("links");
  const mayTest = useMay("operator");
  const notices = useNotices();
  const end = useRequest(() => ask(link, 0).catch(notices.failed));
  if (!isTested(link)) return null;
  return (
    <Alert
      type="info"
      showIcon
      role="status"
      title={t("relayTest.running")}
      action={
        mayTest && (
          <Button size="small" loading={end.isRunning} onClick={() => end.run()}>
            {t("relayTest.end")}
          </Button>
        )
      }
    />
  );
}

/** Either end says so: they begin and end within a moment of each other. */
function isTested(link: Link): boolean {
  return [link.reason, link.ends["a"]?.reason, link.ends["b"]?.reason].includes(REASON);
}
