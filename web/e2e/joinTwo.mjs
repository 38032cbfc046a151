// A network is made, and two machines join it with a line from an invite; somebody approves them.
import { checkAccessible, screenshot } from "./browser.mjs";
import { check, errand, fact } from "./conversation.mjs";

const JOIN_MILLISECONDS = 90_000;

export async function joinTwo(page) {
  await fact("a network is made from the network switcher", async () => {
    await page.getByRole("button", { name: /^Network/ }).click();
    await page.getByRole("menuitem", { name: "New network" }).click();
    await page.getByLabel("Name").fill("lab");
    await page.getByText("Every machine waits until somebody approves it").click();
    await page.getByRole("button", { name: "Make the network" }).click();
    await page.getByText("The network is made").waitFor();
  });
  let url = "";
  await fact("its invite shows the line to join with", async () => {
    await page.getByRole("button", { name: "Invite the first machine" }).or(page.getByRole("link", { name: "Invite the first machine" })).click();
    await page.getByLabel("How many machines may join with it").fill("2");
    await page.getByRole("button", { name: "Make the invite" }).click();
    const line = await page.getByText(/sudo zerogo join/).innerText();
    url = /'(.*)'/.exec(line)?.[1] ?? "";
    check(url !== "", line);
  });
  await fact("axe finds nothing wrong with it", () => checkAccessible(page));
  await screenshot(page, "invite");
  await errand({ do: "cut", one: "berlin", other: "paris" });
  await errand({ do: "join", host: "alice", url });
  await errand({ do: "join", host: "bob", url });
  await fact("both machines are seen to wait, beside the invite", async () => {
    await page.getByText(/alice.* waits for approval/).waitFor({ timeout: JOIN_MILLISECONDS });
    await page.getByText(/bob.* waits for approval/).waitFor({ timeout: JOIN_MILLISECONDS });
  });
  await page.getByRole("button", { name: "Done" }).click();
  const network = /\/n\/(\w+)\//.exec(page.url())?.[1] ?? "";
  await page.getByRole("link", { name: "Members" }).click();
  await fact("both wait on the page of the members", () => page.getByRole("button", { name: /Approve.*bob/ }).waitFor());
  await screenshot(page, "members-waiting");
  await fact("both are approved, and are online", async () => {
    await page.getByRole("button", { name: /Approve.*alice/ }).click();
    // The list moves up when one has left it: a click in that moment would hit nothing.
    await page.getByRole("button", { name: /Approve.*alice/ }).waitFor({ state: "hidden" });
    await page.getByRole("button", { name: /Approve.*bob/ }).click();
    await page.getByRole("button", { name: /Approve/ }).first().waitFor({ state: "hidden" });
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByText("of 2 members", { exact: true }).waitFor();
  });
  return network;
}
