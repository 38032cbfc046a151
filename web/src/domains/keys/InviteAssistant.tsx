/** Makes an invite in two steps: who may join with it, and then the line to join with, shown once. */
import { Drawer } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNetwork } from "@/api/queries";
import { isolated } from "@/components/isolated";
import styles from "./InviteAssistant.module.css";
import { InviteForm } from "./InviteForm";
import { JoinLine } from "./JoinLine";

interface Props {
  network: string;
  isOpen: boolean;
  onClose: () => void;
}

interface Made {
  url: string;
  at: string;
}

export function InviteAssistant({ network, isOpen, onClose }: Props) {
  const { t } = useTranslation("keys");
  const known = useNetwork(network);
  const [made, setMade] = useState<Made | null>(null);
  const shut = () => {
    setMade(null);
    onClose();
  };
  return (
    <Drawer
      open={isOpen}
      onClose={shut}
      size={480}
      styles={{ wrapper: { maxWidth: "100vw" } }}
      // A click beside it would lose the line, which nobody can show again.
      mask={{ closable: made === null }}
      title={made ? t("joinLine.title") : t("form.title")}
    >
      {known && (
        <>
          <p className={styles.network}>{t("form.network", { name: isolated(known.name) })}</p>
          {made ? (
            <JoinLine network={network} url={made.url} madeAt={made.at} onDone={shut} onAnother={() => setMade(null)} />
          ) : (
            <InviteForm network={known} onMade={(url, at) => setMade({ url, at })} />
          )}
        </>
      )}
    </Drawer>
  );
}
