import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { answer, api } from "@/api/client";
import { keys } from "@/api/queries";
import { useSession } from "@/api/session";
import { CopyText } from "@/components/CopyText";
import { useProblemText } from "@/components/problemText";
import { Field, Form, PasswordField, type Complaints } from "./Form";

const PASSWORD_LEAST = 10;
const SECRET_LIMIT = 100;
const SECRET_COMMAND = "cat /var/lib/zerogo/controller/bootstrap-secret";

/** Makes the first user, with the secret that the controller wrote at its first start, and logs them in. */
export function BootstrapForm() {
  const { t } = useTranslation();
  const { logIn } = useSession();
  const cache = useQueryClient();
  const problemText = useProblemText();
  const [failure, setFailure] = useState<string | null>(null);
  const send = async ({ secret = "", name = "", password = "" }: Readonly<Record<string, string>>) => {
    setFailure(null);
    try {
      await answer(api.POST("/bootstrap", { body: { secret, name, password } }));
      cache.removeQueries({ queryKey: keys.health });
      await logIn(name, password);
    } catch (error) {
      setFailure(problemText(error));
    }
  };
  const check = (typed: Readonly<Record<string, string>>): Complaints => ({
    ...(!typed["secret"]?.trim() && { secret: t("bootstrap.secretMissing") }),
    ...(!typed["name"]?.trim() && { name: t("login.nameMissing") }),
    ...((typed["password"] ?? "").length < PASSWORD_LEAST && {
      password: t("bootstrap.passwordShort", { least: PASSWORD_LEAST }),
    }),
  });
  return (
    <Form check={check} send={send} failure={failure} submit={t("bootstrap.submit")}>
      {(complaints) => (
        <>
          <Field
            name="secret"
            label={t("bootstrap.secret")}
            complaint={complaints["secret"]}
            note={<CopyText text={SECRET_COMMAND} isBlock />}
            className="code"
            autoComplete="off"
            autoFocus
            spellCheck={false}
            maxLength={SECRET_LIMIT}
          />
          <Field
            name="name"
            label={t("login.name")}
            complaint={complaints["name"]}
            autoComplete="username"
            maxLength={63}
          />
          <PasswordField
            name="password"
            label={t("login.password")}
            complaint={complaints["password"]}
            autoComplete="new-password"
          />
        </>
      )}
    </Form>
  );
}
