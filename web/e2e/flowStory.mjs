// The network keeps a log of what its members decide by the policy: it is switched on, and later read.
import { address, checkAccessible, checkWidth, openPage, screenshot } from "./browser.mjs";
import { check, fact } from "./conversation.mjs";

/** Members tell once a minute, each at its own second of it. */
const TOLD_MILLISECONDS = 150_000;
const LOOK_AGAIN_MILLISECONDS = 2000;

export async function keepLog(page, network) {
  await page.goto(address(`/n/${network}/policy?show=flows`));
  await fact("the log of decisions is off, and is switched on", async () => {
    await page.getByText("No log is kept").waitFor();
    await page.getByRole("switch", { name: "Keep a log" }).click();
    await page.getByText("Members tell what they decide.").waitFor();
    check(await page.getByRole("switch", { name: "Keep a log" }).isChecked(), "it is not on");
  });
  await fact("axe finds nothing wrong with the empty log", () => checkAccessible(page));
}

export async function readLog(browser, page, network) {
  await page.goto(address(`/n/${network}/policy?show=flows&outcome=refused`));
  const row = page.getByRole("row").filter({ hasText: "ICMP" }).first();
  await fact("the pings that the policy refused are told", async () => {
    const until = Date.now() + TOLD_MILLISECONDS;
    while (!(await row.isVisible())) {
      check(Date.now() < until, "nobody told of them");
      await page.waitForTimeout(LOOK_AGAIN_MILLISECONDS);
      await page.getByRole("button", { name: "Read again" }).click();
    }
    check(/alice.*bob/s.test(await row.innerText()), await row.innerText());
  });
  await fact("axe finds nothing wrong with the log", () => checkAccessible(page));
  await screenshot(page, "policy-flows");
  await fact("the log fits into 360 px, dark", () => onTelephone(browser, page));
  await fact("from a refusal, one is led to the rule that decides today", async () => {
    await row.getByRole("link", { name: /^Why\?/ }).click();
    await page.getByText(/icmp from .*alice.* to .*bob.* passes/).waitFor();
  });
  await screenshot(page, "policy-explain");
}

async function onTelephone(browser, page) {
  const storageState = await page.context().storageState();
  const options = { viewport: { width: 360, height: 780 }, storageState, hasTouch: true, colorScheme: "dark" };
  const phone = await openPage(browser, options);
  await phone.page.goto(page.url());
  await phone.page.getByRole("row").filter({ hasText: "ICMP" }).first().waitFor();
  await checkWidth(phone.page);
  await checkAccessible(phone.page);
  await screenshot(phone.page, "policy-flows-360-dark");
  await phone.page.context().close();
}
