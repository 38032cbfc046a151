/**
 * The few fields of the login, without Ant Design: it is drawn before that is loaded. What was typed stays in the
 * fields, whatever the API answers.
 */
import { useId, useRef, useState, type FormEvent, type InputHTMLAttributes, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import styles from "./Form.module.css";

export type Complaints = Readonly<Record<string, string>>;

interface FormProps {
  /** What is wrong with what was typed, by the names of fields; nothing is sent while there is something. */
  check: (typed: Readonly<Record<string, string>>) => Complaints;
  send: (typed: Readonly<Record<string, string>>) => Promise<void>;
  failure: string | null;
  submit: string;
  children: (complaints: Complaints) => ReactNode;
}

export function Form({ check, send, failure, submit, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [complaints, setComplaints] = useState<Complaints>({});
  const [isBusy, setBusy] = useState(false);
  const submitted = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]));
    const found = check(typed);
    setComplaints(found);
    const [first] = Object.keys(found);
    if (first !== undefined) {
      form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus();
      return;
    }
    setBusy(true);
    await send(typed).finally(() => setBusy(false));
  };
  return (
    <form ref={form} className={styles.form} noValidate onSubmit={(event) => void submitted(event)}>
      {failure !== null && <Refused>{failure}</Refused>}
      {children(complaints)}
      <button type="submit" className={styles.submit} disabled={isBusy} aria-busy={isBusy}>
        {submit}
      </button>
    </form>
  );
}

/** Why it did not work. */
export function Refused({ children }: { children: ReactNode }) {
  return (
    <p role="alert" className={styles.refused}>
      {children}
    </p>
  );
}

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  name: string;
  label: string;
  complaint: string | undefined;
  note?: ReactNode;
  /** Stands in the field, at its end. */
  extra?: ReactNode;
}

export function Field({ label, complaint, note, extra, className, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.frame}>
        <input
          {...input}
          id={id}
          className={`${styles.input} ${className ?? ""}`}
          aria-invalid={complaint !== undefined}
          aria-describedby={`${id}-note`}
        />
        {extra}
      </div>
      <div id={`${id}-note`}>
        {complaint !== undefined && <p className={styles.complaint}>{complaint}</p>}
        {note && <div className={styles.note}>{note}</div>}
      </div>
    </div>
  );
}

/** A field that shows what is typed only where it is asked to. */
export function PasswordField(field: Omit<FieldProps, "extra" | "type">) {
  const { t } = useTranslation();
  const [isShown, setShown] = useState(false);
  const label = t(isShown ? "login.hideTyped" : "login.showTyped");
  return (
    <Field
      {...field}
      type={isShown ? "text" : "password"}
      maxLength={256}
      extra={
        <button type="button" className={styles.eye} aria-label={label} title={label} onClick={() => setShown(!isShown)}>
          <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden>
            <path d="M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Z" />
            <circle cx="12" cy="12" r="3" />
            {!isShown && <path d="M4 20 20 4" strokeLinecap="round" />}
          </svg>
        </button>
      }
    />
  );
}
