import { ApartmentOutlined, TableOutlined } from "@ant-design/icons";
import { Input, Segmented, Skeleton } from "antd";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useLinks } from "@/api/linkQueries";
import type { Link } from "@/api/links";
import { useMembers } from "@/api/queries";
import { useNetworkId } from "@/app/paths";
import { Page } from "@/components/Page";
import { QueryState } from "@/components/QueryState";
import { Legend } from "./Legend";
import { LinkTable } from "./LinkTable";
import type { Shown } from "./picture";
import styles from "./TopologyPage.module.css";

const Graph = lazy(() => import("./Graph"));
const NO_LINKS: Link[] = [];

/** The whole network as a drawing, or the same as a table. */
export default function TopologyPage() {
  const { t } = useTranslation("topology");
  const network = useNetworkId();
  const members = useMembers(network);
  const links = useLinks(network).data ?? NO_LINKS;
  const [search, setSearch] = useState("");
  const [address, setAddress] = useSearchParams();
  const isTable = address.get("as") === "table";
  const hiddenText = address.get("hide") ?? "";
  const hidden = useMemo(() => new Set(hiddenText.split(",").filter(Boolean) as Shown[]), [hiddenText]);
  const change = (name: string, value: string) => {
    setAddress(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  return (
    <Page
      title={t("title")}
      actions={
        <>
          <Input.Search
            allowClear
            className={styles.search}
            placeholder={t("search")}
            aria-label={t("search")}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <Segmented
            aria-label={t("as")}
            value={isTable ? "table" : "drawing"}
            onChange={(value) => change("as", value === "table" ? "table" : "")}
            options={[
              { value: "drawing", icon: <ApartmentOutlined />, label: t("asDrawing") },
              { value: "table", icon: <TableOutlined />, label: t("asTable") },
            ]}
          />
        </>
      }
    >
      <Legend links={links} hidden={hidden} onChange={(next) => change("hide", [...next].sort().join(","))} />
      <QueryState query={members}>
        {(known) =>
          isTable ? (
            <LinkTable network={network} members={known} links={links} hidden={hidden} search={search} />
          ) : (
            <div className={styles.canvas}>
              <Suspense fallback={<Skeleton active title={false} className={styles.waiting} />}>
                <Graph
                  key={network}
                  network={network}
                  members={known}
                  links={links}
                  hidden={hidden}
                  search={search}
                  height="100%"
                />
              </Suspense>
            </div>
          )
        }
      </QueryState>
    </Page>
  );
}
