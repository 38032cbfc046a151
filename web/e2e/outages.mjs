// The controller goes away and comes back; a session ends while somebody types.
import { address, screenshot } from "./browser.mjs";
import { check, errand, fact } from "./conversation.mjs";
import { OWNER } from "./firstUser.mjs";

export async function outages(page, network) {
  await page.goto(address(`/n/${network}/topology?as=table`));
  await page.getByLabel("Find a member").first().fill("ali");
  await fact("a session that ends opens the login above the page", async () => {
    await page.evaluate(async () => {
      const session = await (await fetch("api/v1/auth/session")).json();
      await fetch("api/v1/auth/sessions", { method: "DELETE", headers: { "X-CSRF-Token": session.csrf_token } });
    });
    await page.getByRole("dialog", { name: "Your session has ended" }).waitFor({ timeout: 40_000 });
  });
  await screenshot(page, "session-ended");
  await fact("who logs in again finds what was typed", async () => {
    await page.getByRole("dialog").getByLabel("Password").fill(OWNER.password);
    await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    check((await page.getByLabel("Find a member").first().inputValue()) === "ali", "it is gone");
    await page.getByRole("status").filter({ hasText: /^Live$/ }).waitFor();
  });
  await errand({ do: "stop-controller" });
  await fact("without the controller the page says so, and stays", async () => {
    await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
    await page.getByRole("alert").filter({ hasText: "The live connection is lost" }).waitFor();
    check((await page.getByRole("row").count()) > 0, "the table is gone");
  });
  await screenshot(page, "controller-away");
  await errand({ do: "start-controller" });
  await fact("and is live again by itself", () =>
    page.getByRole("status").filter({ hasText: /^Live$/ }).waitFor({ timeout: 30_000 }),
  );
}
