import { Alert } from "antd";
import { useProblemText } from "./problemText";

/** Why a request was refused, as a sentence beside what was typed; nothing where there is no error. */
export function ProblemNote({ error }: { error: unknown }) {
  const text = useProblemText();
  if (error === null || error === undefined) return null;
  return <Alert type="error" showIcon role="alert" title={text(error)} style={{ marginTop: 8 }} />;
}
