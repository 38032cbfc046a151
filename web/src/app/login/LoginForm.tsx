import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { useSession } from "@/api/session";
import { useProblemText } from "@/components/problemText";
import { Field, Form, PasswordField, type Complaints } from "./Form";

const SECOND_FACTOR = "second-factor";
const CODE_LIMIT = 40;

/** Name and password, and a code where the API asks for one. `name` is given where a session ended and the same person goes on. */
export function LoginForm({ name }: { name?: string }) {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const problemText = useProblemText();
  const [failure, setFailure] = useState<string | null>(null);
  const [wantsCode, setWantsCode] = useState(false);
  const send = async (typed: Readonly<Record<string, string>>) => {
    setFailure(null);
    try {
      await logIn(typed["name"] ?? "", typed["password"] ?? "", typed["code"]?.trim());
    } catch (error) {
      const isFirstAsked = Problem.ofUnknown(error).code === SECOND_FACTOR && !wantsCode;
      setWantsCode(wantsCode || isFirstAsked);
      setFailure(isFirstAsked ? null : problemText(error));
    }
  };
  const check = (typed: Readonly<Record<string, string>>): Complaints => ({
    ...(!typed["name"]?.trim() && { name: t("login.nameMissing") }),
    ...(!typed["password"] && { password: t("login.passwordMissing") }),
  });
  return (
    <Form check={check} send={send} failure={failure} submit={t("login.submit")}>
      {(complaints) => (
        <>
          <Field
            name="name"
            label={t("login.name")}
            complaint={complaints["name"]}
            defaultValue={name}
            autoComplete="username"
            autoFocus={name === undefined}
            maxLength={63}
          />
          <PasswordField
            name="password"
            label={t("login.password")}
            complaint={complaints["password"]}
            autoComplete="current-password"
            autoFocus={name !== undefined}
          />
          {wantsCode && (
            <Field
              name="code"
              label={t("login.code")}
              complaint={undefined}
              note={t("login.codeWhy")}
              className="code"
              autoComplete="one-time-code"
              autoFocus
              maxLength={CODE_LIMIT}
            />
          )}
        </>
      )}
    </Form>
  );
}
