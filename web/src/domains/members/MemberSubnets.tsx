import { useTranslation } from "react-i18next";
import { networkPath } from "@/app/paths";
import type { Member } from "@/api/documents";
import { LinkButton } from "@/components/LinkButton";
import styles from "./MemberDrawer.module.css";

/** The networks behind a member; they are decided on their own page. */
export function MemberSubnets({ member }: { member: Member }) {
  const { t } = useTranslation("members");
  if (member.subnets.length === 0) return null;
  return (
    <section className={styles.part}>
      <h2 className={styles.heading}>{t("subnets.title")}</h2>
      <ul className={styles.subnets}>
        {member.subnets.map((one) => (
          <li key={one.subnet}>
            <span className="code">{one.subnet}</span>
            <span className={styles.note}>{t(`subnets.${reachOf(one)}`)}</span>
          </li>
        ))}
      </ul>
      <LinkButton to={networkPath(member.network, "routes")} size="small">
        {t("subnets.decide")}
      </LinkButton>
    </section>
  );
}

function reachOf(one: Member["subnets"][number]): "open" | "waits" | "gone" {
  if (!one.is_approved) return "waits";
  return one.is_announced ? "open" : "gone";
}
