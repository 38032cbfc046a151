import { CheckCircleFilled, CloseCircleFilled, WarningFilled } from "@ant-design/icons";
import { useTranslation } from "react-i18next";
import type { PolicyCheck, PolicyFinding, PolicyTest } from "./policies";
import { goTo } from "./PolicyEditor";
import styles from "./PolicyPage.module.css";

/** What is to be said about a text: what is wrong or odd, and whether its own tests hold. */
export function PolicyFindings({ check }: { check: PolicyCheck }) {
  const { t } = useTranslation("policy");
  const isReadable = check.findings.every((finding) => finding.severity !== "error");
  const failing = check.tests.filter((test) => !test.passes).length;
  return (
    <div className={styles.findings}>
      <h2 className={styles.verdict}>
        <span role="status">{t(check.is_right ? "check.right" : "check.wrong")}</span>
      </h2>
      {check.findings.length > 0 && (
        <ul className={styles.list}>
          {check.findings.map((finding, place) => (
            <Finding key={place} finding={finding} />
          ))}
        </ul>
      )}
      <h2 className={styles.heading}>
        {check.tests.length === 0
          ? t(isReadable ? "tests.none" : "tests.later")
          : t(failing === 0 ? "tests.hold" : "tests.fail", { count: check.tests.length, failing })}
      </h2>
      {check.tests.length === 0 ? (
        isReadable && <p className={styles.why}>{t("tests.why")}</p>
      ) : (
        <ul className={styles.list}>
          {check.tests.map((test) => (
            <Test key={test.number} test={test} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Finding({ finding }: { finding: PolicyFinding }) {
  const { t } = useTranslation("policy");
  const isError = finding.severity === "error";
  return (
    <li>
      <button type="button" className={styles.finding} onClick={() => goTo(finding.line, finding.column)}>
        <span className={styles.mark} data-severity={finding.severity}>
          {isError ? <CloseCircleFilled /> : <WarningFilled />}
        </span>
        <span>
          <span className="visually-hidden">{t(`check.${finding.severity}`)}</span>
          <bdi>{finding.message}</bdi>
          <span className={styles.where}>{t("check.line", { line: finding.line })}</span>
        </span>
      </button>
    </li>
  );
}

function Test({ test }: { test: PolicyTest }) {
  const { t } = useTranslation("policy");
  return (
    <li>
      <button type="button" className={styles.finding} onClick={() => goTo(test.line, 1)}>
        <span className={styles.mark} data-severity={test.passes ? "holds" : "error"}>
          {test.passes ? <CheckCircleFilled /> : <CloseCircleFilled />}
        </span>
        <span>
          <span className="visually-hidden">{t(test.passes ? "tests.holds" : "tests.fails")}</span>
          <bdi>{test.passes ? test.test : test.detail}</bdi>
        </span>
      </button>
    </li>
  );
}
