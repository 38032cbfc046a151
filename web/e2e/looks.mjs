// Every page: with axe, in Chinese, dark, and on a telephone.
import { address, checkAccessible, checkWidth, openPage, screenshot } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

const OF_NETWORK = ["overview", "topology", "topology?as=table", "members", "keys", "routes", "settings"];
const OF_CONTROLLER = ["networks", "users", "tokens", "audit", "relays"];

export async function looks(browser, page, network) {
  const pages = [...OF_NETWORK.map((path) => `/n/${network}/${path}`), ...OF_CONTROLLER.map((path) => `/${path}`)];
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
    const menu = await page.getByRole("navigation").innerText();
    check(!/[A-Za-z]{4,}/.test(menu.replaceAll("API", "")), menu);
  });
  await fact("the appearance is changed to dark", async () => {
    await page.getByRole("button", { name: "外观" }).click();
    await page.getByRole("menuitem", { name: "深色" }).click();
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  });
  for (const path of [pages[0], pages[1], pages[3]]) {
    await open(page, path);
    await fact(`axe finds nothing wrong with ${nameOf(path)} in the dark`, () => checkAccessible(page));
    await screenshot(page, `${nameOf(path)}-dark-zh`);
  }
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  const state = await page.context().storageState();
  const phone = await openPage(browser, { viewport: { width: 360, height: 780 }, storageState: state, hasTouch: true });
  for (const path of pages) {
    await open(phone.page, path);
    await fact(`${nameOf(path)} fits into 360 px`, () => checkWidth(phone.page));
    await screenshot(phone.page, `${nameOf(path)}-360`);
  }
  await fact("the menu of a telephone opens and leads on", async () => {
    await phone.page.getByRole("button", { name: "Menu" }).click();
    await phone.page.getByRole("dialog").getByRole("link", { name: "Members" }).click();
    await phone.page.getByRole("heading", { name: "Members", level: 1 }).waitFor();
  });
  await phone.page.context().close();
}

async function open(page, path) {
  await page.goto(address(path));
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.locator(".ant-skeleton").first().waitFor({ state: "hidden" });
  await page.waitForTimeout(400);
}
