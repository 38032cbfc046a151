// The story: a new controller, its owner, two machines, and what becomes of the link between them.
import { openBrowser, openPage, screenshot } from "./browser.mjs";
import { check, fact, failed, onFailure } from "./conversation.mjs";
import { bootstrap } from "./firstUser.mjs";
import { joinTwo } from "./joinTwo.mjs";
import { exitsStory } from "./exitsStory.mjs";
import { keepLog, readLog } from "./flowStory.mjs";
import { hostileNames } from "./hostileNames.mjs";
import { linkStory } from "./linkStory.mjs";
import { looks } from "./looks.mjs";
import { outages } from "./outages.mjs";
import { policyStory } from "./policyStory.mjs";

const browser = await openBrowser();
try {
  const { page, wrong } = await openPage(browser);
  onFailure((name) => screenshot(page, name));
  await bootstrap(page);
  const network = await joinTwo(page);
  await linkStory(page, network);
  await keepLog(page, network);
  await policyStory(page, network);
  await exitsStory(page);
  await looks(browser, page, network);
  await readLog(browser, page, network);
  await hostileNames(page, network);
  await outages(page, network);
  await fact("nothing went wrong in the page, and its policy refused nothing", () => {
    check(wrong.length === 0, wrong.join("\n"));
  });
} catch (error) {
  await fact("the story goes to its end", () => {
    throw error;
  });
} finally {
  await browser.close();
}
process.exit(failed() ? 1 : 0);
