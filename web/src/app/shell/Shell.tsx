/** The frame around all pages: menu, network and live state. */
import { MenuOutlined } from "@ant-design/icons";
import { Button, Drawer, Skeleton } from "antd";
import { Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Outlet, useLocation } from "react-router";
import { useMedia } from "../preferences";
import { rememberNetwork, lastNetwork } from "../lastNetwork";
import { useNetworkId } from "../paths";
import { ExpiredDialog } from "../login/ExpiredDialog";
import { Brand } from "./Brand";
import { LiveBanner, LiveMark } from "./LiveMark";
import { Controls } from "./Controls";
import { Sidebar } from "./Sidebar";
import styles from "./Shell.module.css";

export function Shell() {
  return (
    <>
      <Frame />
      <ExpiredDialog />
    </>
  );
}

function Frame() {
  const { t } = useTranslation();
  const isNarrow = useMedia("(max-width: 900px)");
  const { pathname } = useLocation();
  // Open on the page where it was opened: going to another one closes it.
  const [menuOpenAt, setMenuOpenAt] = useState<string | null>(null);
  const isMenuOpen = isNarrow && menuOpenAt === pathname;
  const here = useNetworkId();
  useEffect(() => rememberNetwork(here), [here]);
  const network = here || lastNetwork() || "";
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content" onClick={skipToContent}>
        {t("shell.skip")}
      </a>
      {!isNarrow && (
        <aside className={styles.side}>
          <Sidebar network={network} />
        </aside>
      )}
      <div className={styles.main}>
        <header className={styles.top}>
          {isNarrow && (
            <>
              <Button
                type="text"
                aria-label={t("shell.menu")}
                aria-expanded={isMenuOpen}
                icon={<MenuOutlined />}
                onClick={() => setMenuOpenAt(pathname)}
              />
              <Brand />
            </>
          )}
          <span className={styles.space} />
          <LiveMark />
          <Controls />
        </header>
        <LiveBanner />
        <main id="content" tabIndex={-1} className={styles.content}>
          <Suspense fallback={<Skeleton active title={false} className={styles.waiting} />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
      <Drawer
        open={isMenuOpen}
        onClose={() => setMenuOpenAt(null)}
        placement="left"
        size={280}
        title={<Brand />}
        styles={{ body: { padding: 0 } }}
      >
        <Sidebar network={network} isInDrawer />
      </Drawer>
    </div>
  );
}

/** The part behind "#" is the page's address, so the link cannot be a plain one. */
function skipToContent(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
