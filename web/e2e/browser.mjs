// Debian's Chromium, and what all parts of the story look at.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { check } from "./conversation.mjs";

export const URL_OF_CONTROLLER = process.env.ZEROGO_URL;
const SCREENSHOTS = process.env.ZEROGO_SCREENSHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"],
  });
}

/** A page that notes whatever goes wrong in it. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: "en",
    colorScheme: "light",
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is the API's business and shown in the page; the browser also writes it here.
    const isRequest = message.text().startsWith("Failed to load resource") || message.text().includes("WebSocket");
    if (message.type() === "error" && !isRequest) wrong.push(message.text());
  });
  return { page, wrong };
}

export async function screenshot(page, name) {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** axe finds nothing. Drawings on a canvas have no colours that it could see. */
export async function checkAccessible(page) {
  const session = await page.context().newCDPSession(page);
  // The page's policy lets no script in but its own, so axe comes the way a debugger does.
  await session.send("Runtime.evaluate", { expression: AXE });
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }),
  );
  const lines = found.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  check(lines.length === 0, lines.join("\n"));
}

/** Nothing reaches out of the page sideways. */
export async function checkWidth(page) {
  const [width, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  check(width <= shown, `the page is ${width} px wide, of ${shown}`);
}

export function address(path) {
  return `${URL_OF_CONTROLLER}#${path}`;
}
