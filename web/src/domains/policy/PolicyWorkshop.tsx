/** Writing a policy: the text, what is to be said about it as it is typed, and saving it with its consequences shown. */
import { Alert, Button } from "antd";
import { useDeferredValue, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "@/api/session";
import { ProblemNote } from "@/components/ProblemNote";
import { PolicyEditor } from "./PolicyEditor";
import { PolicyFindings } from "./PolicyFindings";
import { usePolicyCheck, type Policy } from "./policies";
import styles from "./PolicyPage.module.css";
import { SaveDialog } from "./SaveDialog";
import { UnenforcedNote } from "./UnenforcedNote";
import { usePolicyDraft } from "./usePolicyDraft";

const SETTLED_MILLISECONDS = 350;

export function PolicyWorkshop({ network, saved }: { network: string; saved: Policy }) {
  const { t } = useTranslation("policy");
  const mayChange = useMay("admin");
  const draft = usePolicyDraft(network, saved);
  const checked = useSettled(draft.text);
  const check = usePolicyCheck(network, checked);
  const [isSaving, setSaving] = useState(false);
  const isCurrent = checked === draft.text && !check.isPlaceholderData && check.data !== undefined;
  const findings = useDeferredValue(check.data?.findings ?? []);
  return (
    <>
      {saved.revision > 0 && <UnenforcedNote members={saved.unenforced} />}
      {draft.isChanged && draft.basis.etag !== saved.etag && (
        <Alert className={styles.note} type="warning" showIcon title={t("edit.older")} />
      )}
      <div className={styles.workshop}>
        <div>
          <PolicyEditor text={draft.text} findings={findings} isReadOnly={!mayChange} onChange={draft.type} />
          {mayChange && (
            <div className={styles.buttons}>
              {saved.revision === 0 && !draft.isChanged && (
                <Button onClick={() => draft.type(t("example"))}>{t("edit.begin")}</Button>
              )}
              <Button disabled={!draft.isChanged} onClick={draft.discard}>
                {t("edit.discard")}
              </Button>
              <Button
                type="primary"
                disabled={!draft.isChanged || !isCurrent || !check.data?.is_right}
                onClick={() => setSaving(true)}
              >
                {t("edit.review")}
              </Button>
            </div>
          )}
        </div>
        <div id="policy-findings">
          {check.data && <PolicyFindings check={check.data} />}
          <ProblemNote error={check.error} />
        </div>
      </div>
      {isSaving && (
        <SaveDialog network={network} draft={draft} saved={saved} onClose={() => setSaving(false)} />
      )}
    </>
  );
}

/** A text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
