// The first user is made with the one-time secret, and logs in and out.
import { address, checkAccessible, screenshot, URL_OF_CONTROLLER } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

export const OWNER = { name: "ann", password: "correct horse battery" };

export async function bootstrap(page) {
  await fact("a new controller asks for its first user, within a second", async () => {
    const begun = performance.now();
    await page.goto(URL_OF_CONTROLLER);
    await page.getByLabel("One-time secret").waitFor();
    const interactive = await page.evaluate(() => performance.getEntriesByType("navigation")[0].domInteractive);
    return `form after ${Math.round(performance.now() - begun)} ms, document interactive after ${Math.round(interactive)} ms`;
  });
  await fact("axe finds nothing wrong with the first page", () => checkAccessible(page));
  await screenshot(page, "bootstrap");
  await fact("a wrong secret is refused in words, and what was typed stays", async () => {
    await page.getByLabel("One-time secret").fill("not the secret");
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password").fill(OWNER.password);
    await page.getByRole("button", { name: "Make the owner" }).click();
    await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
    check((await page.getByLabel("Name").inputValue()) === OWNER.name, "the name is gone");
  });
  await fact("the right secret makes the owner, who is logged in", async () => {
    await page.getByLabel("One-time secret").fill(process.env.ZEROGO_SECRET);
    await page.getByRole("button", { name: "Make the owner" }).click();
    await page.getByRole("button", { name: "Account" }).waitFor();
  });
  await fact("after logging out there is the login, which knows that there is a user", async () => {
    await page.getByRole("button", { name: "Account" }).click();
    await page.getByRole("menuitem", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in to ZeroGo" }).waitFor();
    check((await page.getByText("Make its first user").count()) === 0, "a first user is offered");
  });
  await fact("axe finds nothing wrong with the login", () => checkAccessible(page));
  await screenshot(page, "login");
  await fact("a wrong password is refused in words", async () => {
    await page.getByLabel("Name").fill(OWNER.name);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  });
  await fact("the right one opens the overview, live", async () => {
    await page.getByLabel("Password").fill(OWNER.password);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("status").filter({ hasText: /^Live$/ }).waitFor();
  });
  await page.goto(address("/"));
}
