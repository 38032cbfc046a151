// Every page of the menu: with axe, in Chinese, dark, and on a telephone.
import { address, checkAccessible, checkWidth, openPage, screenshot } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

const LEAST_PAGES = 15;
const DRAWN_SMALL = ["overview", "topology", "members", "policy", "account"];

export async function looks(browser, page, network) {
  await open(page, `/n/${network}/overview`);
  // Without the notices of what was done before.
  await page.reload();
  const links = page.getByRole("navigation").getByRole("link");
  await links.nth(LEAST_PAGES - 2).waitFor();
  const menu = await links.evaluateAll((found) => found.map((link) => new URL(link.href).hash.slice(1)));
  const pages = [...menu, `/n/${network}/topology?as=table`, "/exits?show=places", "/exits?show=live"];
  await fact("the menu leads to every page", () => check(pages.length >= LEAST_PAGES, pages.join(" ")));
  const nameOf = (path) => path.replace(/^\/(n\/\w+\/)?/, "").replace(/\W+/g, "-");
  for (const path of pages) {
    await open(page, path);
    await fact(`axe finds nothing wrong with ${nameOf(path)}`, () => checkAccessible(page));
    await screenshot(page, nameOf(path));
  }
  await fact("the language is changed to Chinese, and nothing English is left in the menu", async () => {
    await open(page, pages[0]);
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitem", { name: "简体中文" }).click();
    await page.getByRole("link", { name: "概览" }).waitFor();
    check((await page.locator("html").getAttribute("lang")) === "zh-CN", "the document is not marked as Chinese");
    const words = await page.getByRole("navigation").innerText();
    check(!/[A-Za-z]{4,}/.test(words.replaceAll(/API|Webhook/g, "")), words);
  });
  await fact("the appearance is changed to dark", async () => {
    await page.getByRole("button", { name: "外观" }).click();
    await page.getByRole("menuitem", { name: "深色" }).click();
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  });
  for (const path of ["overview", "topology", "members", "policy"].map((name) => `/n/${network}/${name}`)) {
    await open(page, path);
    await fact(`axe finds nothing wrong with ${nameOf(path)} in the dark`, () => checkAccessible(page));
    await screenshot(page, `${nameOf(path)}-dark-zh`);
  }
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await onTelephone(browser, page, pages, nameOf);
}

async function onTelephone(browser, page, pages, nameOf) {
  const storageState = await page.context().storageState();
  const phone = await openPage(browser, { viewport: { width: 360, height: 780 }, storageState, hasTouch: true });
  for (const path of pages) {
    await open(phone.page, path);
    await fact(`${nameOf(path)} fits into 360 px`, () => checkWidth(phone.page));
    if (DRAWN_SMALL.includes(nameOf(path))) await screenshot(phone.page, `${nameOf(path)}-360`);
  }
  await fact("the menu of a telephone opens and leads on", async () => {
    await phone.page.getByRole("button", { name: "Menu" }).click();
    await phone.page.getByRole("dialog").getByRole("link", { name: "Members" }).click();
    await phone.page.getByRole("heading", { name: "Members", level: 1 }).waitFor();
  });
  await fact("nothing went wrong on the telephone", () => check(phone.wrong.length === 0, phone.wrong.join("\n")));
  await phone.page.context().close();
}

async function open(page, path) {
  await page.goto(address(path));
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.locator(".ant-skeleton").first().waitFor({ state: "hidden" });
  // What came may itself wait for more: this page for its drawing. Only a picture of it depends on that.
  if (path.endsWith("/topology")) await page.locator("canvas").first().waitFor().catch(() => undefined);
  await page.waitForTimeout(200);
}
