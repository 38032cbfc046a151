// Names that want to be more than text.
import { address, checkWidth, screenshot } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

const TAKEN = ["W".repeat(63), "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "\u540d\u524d-1"];
const REFUSED = [
  "<script>window.wasRun=1</script>",
  '"><img src=x onerror=window.wasRun=1>',
  "\u202egnp.exe\u202d\u2067x",
  "\u{1f98a} {{t}} $t(menu) %s",
  "W".repeat(200),
];

export async function hostileNames(page, network) {
  for (const name of TAKEN) {
    await fact(`a member called ${name.slice(0, 20)} is shown, and moves nothing`, async () => {
      check((await rename(page, network, name)) === 200, "the name is refused");
      for (const path of ["overview", "topology?as=table", "members"]) {
        await page.goto(address(`/n/${network}/${path}`));
        await page.getByText(name).first().waitFor({ state: "attached" });
        await checkWidth(page);
      }
    });
  }
  await screenshot(page, "members-hostile-name");
  await fact("names that are no names are refused", async () => {
    for (const name of REFUSED) check((await rename(page, network, name)) === 422, name);
  });
  await fact("what was searched for is text, whatever it is", async () => {
    await page.goto(address(`/n/${network}/topology?as=table&hide=${encodeURIComponent(REFUSED[0])}`));
    await page.getByLabel("Find a member").first().fill(REFUSED[1]);
    await page.getByText("No links").waitFor();
    check((await page.evaluate(() => window.wasRun)) === undefined, "it was run");
  });
  await rename(page, network, "alice");
}

/** By the API, with the session of the page. */
async function rename(page, network, name) {
  return page.evaluate(
    async ([id, wanted]) => {
      const session = await (await fetch("api/v1/auth/session")).json();
      const members = (await (await fetch(`api/v1/networks/${id}/members`)).json()).items;
      const first = members.toSorted((one, other) => one.created_at.localeCompare(other.created_at) || one.id.localeCompare(other.id))[0];
      const answer = await fetch(`api/v1/networks/${id}/members/${first.id}`, {
        method: "PATCH",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": session.csrf_token },
        body: JSON.stringify({ name: wanted }),
      });
      return answer.status;
    },
    [network, name],
  );
}
