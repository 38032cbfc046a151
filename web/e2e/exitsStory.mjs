// Exits as their owner sets them up: a package, a user, a token, addresses that are kept out; and all of it taken back.
import { address, screenshot } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

const RANGE = "192.0.2.0/24";

export async function exitsStory(page) {
  await page.goto(address("/exits?show=packages"));
  await fact("a package of the exits is made, of the size that was typed", async () => {
    await page.getByLabel("New package").fill("basic");
    await page.getByLabel("Traffic").fill("10");
    await page.getByRole("button", { name: "Make the package" }).click();
    await page.getByRole("row", { name: /basic.*10 GB/ }).waitFor();
  });
  await page.goto(address("/exits"));
  const row = page.getByRole("row").filter({ hasText: "alice" });
  await fact("a user of the exits is made, with that package", async () => {
    await page.getByRole("button", { name: "New user" }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByLabel("Name").fill("alice");
    await drawer.getByLabel("Password").fill("correct horse battery");
    await drawer.getByLabel("Package").click();
    await page.getByTitle("basic").click();
    await drawer.getByRole("button", { name: "Make the user" }).click();
    await row.getByText("0 B of 10 GB").waitFor();
    await drawer.waitFor({ state: "hidden" });
  });
  await fact("the user is paused, and let in again", async () => {
    await choose(page, row, "Pause");
    await row.getByText("Paused").waitFor();
    await choose(page, row, "Let in again");
    await row.getByText("Paused").waitFor({ state: "hidden" });
  });
  await screenshot(page, "exits-users");
  await page.goto(address("/exits?show=places"));
  await fact("there is no token for edges before there is a gateway, which is said in words", async () => {
    const drawer = await askForToken(page, "Add an edge");
    await drawer.getByRole("alert").filter({ hasText: "no gateway has joined yet" }).waitFor();
    await drawer.getByRole("button", { name: "Close" }).click();
    await drawer.waitFor({ state: "hidden" });
  });
  await fact("a token for a gateway is shown once, and revoked", async () => {
    const drawer = await askForToken(page, "Add a gateway");
    await drawer.getByText(/zerogo-gateway:/).first().waitFor();
    await drawer.getByRole("button", { name: "Done" }).click();
    await drawer.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: /^Revoke the token/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("Tokens that are good").waitFor({ state: "hidden" });
  });
  await fact("addresses are kept out, and let in again", async () => {
    await page.getByLabel("Addresses", { exact: true }).fill(RANGE);
    await page.getByRole("button", { name: "Keep out", exact: true }).click();
    await page.getByRole("button", { name: `Let ${RANGE} in again` }).click();
    await page.getByText("Nobody is kept out.").waitFor();
  });
  await fact("without a gateway there is nobody to ask which edge is taken", async () => {
    await page.getByLabel("User name of a client").fill("alice-country-de");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText("No gateway is there to ask.").waitFor();
  });
  await page.goto(address("/exits"));
  await fact("the user is removed, once the name is typed", async () => {
    await choose(page, row, "Remove");
    const dialog = page.getByRole("dialog");
    check(await dialog.getByRole("button", { name: "Remove" }).isDisabled(), "it needs no name");
    await dialog.getByRole("textbox").fill("alice");
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("Nobody may use the exits yet").waitFor();
  });
  await page.goto(address("/exits?show=packages"));
  await fact("and so is the package", async () => {
    await page.getByRole("button", { name: /^Remove the package/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("There is no package").waitFor();
  });
}

async function askForToken(page, name) {
  await page.getByRole("button", { name }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Make the token" }).click();
  return drawer;
}

async function choose(page, row, item) {
  await row.getByRole("button", { name: /^What to do with/ }).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
}
