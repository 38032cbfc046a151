// A policy is written in the editor; what it stops, stops between the two machines, and goes on after it was taken back.
import { address, checkAccessible, screenshot } from "./browser.mjs";
import { check, errand, fact } from "./conversation.mjs";

const OPEN = "# Everybody reaches everybody.\nrules:\n  - {from: '*', to: '*'}\n";
const CLOSED = "default: deny\nrules:\n  - {from: '*', to: '*', protocol: tcp, ports: [22]}\n";

export async function policyStory(page, network) {
  await page.goto(address(`/n/${network}/policy`));
  await fact("a ping between the two machines is answered", () => pings(true));
  await fact("a mistake in a policy is shown with its line, and cannot be saved", async () => {
    await page.getByLabel("Text of the policy").fill("rules:\n  - {from: nobody-here, too: '*'}\n");
    await page.getByText("It cannot be saved yet").waitFor();
    await page.getByText(/line 2/).first().waitFor();
    check(await page.getByRole("button", { name: "See what changes" }).isDisabled(), "it can be saved");
  });
  await fact("a policy that allows everything is saved, and changes nothing", async () => {
    await write(page, OPEN, "open", "Nobody gains or loses access.");
    await pings(true);
  });
  await fact("one that denies pings says who loses access", async () => {
    await write(page, CLOSED, "no pings", /Loses/, () => screenshot(page, "policy-save"));
  });
  await fact("once it is saved, the ping stops", () => pings(false));
  await screenshot(page, "policy");
  await fact("axe finds nothing wrong with the policy", () => checkAccessible(page));
  await page.getByRole("tab", { name: "History" }).click();
  await fact("the policy before is put in force again from the history", async () => {
    await page.getByRole("button", { name: "open", exact: true }).click();
    const drawer = page.getByRole("dialog");
    await drawer.getByText(/Gains/).first().waitFor();
    await screenshot(page, "policy-history");
    await drawer.getByRole("button", { name: "Put it in force again" }).click();
    await page.getByText("That policy is in force again.").waitFor();
  });
  await fact("and the ping is answered again", () => pings(true));
}

async function write(page, text, comment, consequence, look = () => undefined) {
  await page.getByLabel("Text of the policy").fill(text);
  await page.getByText("It can be saved").waitFor();
  await page.getByRole("button", { name: "See what changes" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(consequence).first().waitFor();
  await dialog.getByLabel("What it changes, for the history").fill(comment);
  await look();
  await dialog.getByRole("button", { name: "Save and put in force" }).click();
  await page.getByText("The policy is in force.").first().waitFor();
  await dialog.waitFor({ state: "hidden" });
}

/** Until a ping from one to the other is answered, or is not any more. */
async function pings(isAnswered) {
  const { seconds } = await errand({ do: "ping", from: "alice", to: "bob", answered: isAnswered });
  check(seconds !== null, isAnswered ? "no ping is answered" : "pings are still answered");
  return `${isAnswered ? "answered" : "stopped"} after ${seconds.toFixed(2)} s`;
}
