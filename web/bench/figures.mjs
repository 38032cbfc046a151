// The figures of issue 6 that need sizes no lab here has: dragging 200 nodes, 1,000 nodes, a day of one link; and the
// first form of somebody who comes for the first time.
//
// `node bench/figures.mjs [--rounds N] [--only WORDS] [DIRECTORY ...]`, after a build. Several builds are measured in turn, so that what
// else the machine does meanwhile meets all of them; told are medians. An empty page says how many frames there can be.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openBrowser, serve, stage } from "./stage.mjs";
import { NETWORK, syntheticNetwork } from "./syntheticNetwork.mjs";

const SIZE = { viewport: { width: 1440, height: 900 } };
const built = join(dirname(fileURLToPath(import.meta.url)), "../../web-static");
const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, only: { type: "string", default: "" } },
  allowPositionals: true,
});
const roots = positionals.length > 0 ? positionals : [built];

async function framesWhileDragged(browser, url, { nodes, linksOfEach, isGrouped = false, isNode = false }) {
  const context = await browser.newContext(SIZE);
  const found = syntheticNetwork(nodes, linksOfEach);
  // Without tags there are no groups that would be drawn as one node.
  if (!isGrouped) found.members = found.members.map((member) => ({ ...member, tags: [] }));
  const { page } = await stage(context, url, found);
  await page.goto(`${url}#/n/${NETWORK}/topology`);
  await page.locator("canvas").first().waitFor();
  await page.waitForTimeout(2000);
  const box = await page.locator("canvas").first().boundingBox();
  // The first member stands in the middle; between the middle and the corner there is nothing.
  const from = isNode ? { x: box.x + box.width / 2, y: box.y + box.height / 2 } : { x: box.x + 30, y: box.y + 30 };
  const frames = await moved(page, from);
  await context.close();
  return frames;
}

async function framesOfNothing(browser) {
  const context = await browser.newContext(SIZE);
  const page = await context.newPage();
  const frames = await moved(page, { x: 30, y: 30 });
  await context.close();
  return frames;
}

/** Frames a second while the button is held and the mouse moves. */
async function moved(page, { x, y }) {
  await page.mouse.move(x, y);
  await page.mouse.down();
  const counted = page.evaluate(
    () =>
      new Promise((resolve) => {
        let frames = 0;
        const begun = performance.now();
        const next = () => {
          frames += 1;
          if (performance.now() - begun < 2000) requestAnimationFrame(next);
          else resolve((frames * 1000) / (performance.now() - begun));
        };
        requestAnimationFrame(next);
      }),
  );
  for (let step = 0; step < 100; step += 1) await page.mouse.move(x + Math.sin(step / 8) * 200, y + step);
  const frames = await counted;
  await page.mouse.up();
  return frames;
}

/** The longest that the page does not listen after the day was asked for. */
async function dayOfALink(browser, url) {
  const context = await browser.newContext(SIZE);
  const found = syntheticNetwork(6);
  const { page } = await stage(context, url, found);
  const { a, b } = found.links[0];
  await page.goto(`${url}#/n/${NETWORK}/links/${a}/${b}`);
  await page.waitForTimeout(1500);
  await page.evaluate(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, entry.duration);
    }).observe({ type: "longtask" });
  });
  await page.getByText("24 hours").click();
  await page.waitForTimeout(2500);
  const longest = await page.evaluate(() => globalThis.longest);
  await context.close();
  return longest;
}

/** Milliseconds from the address to a form that can be typed into, with nothing in the browser's cache. */
async function firstForm(browser, url) {
  const context = await browser.newContext(SIZE);
  const page = await context.newPage();
  await page.route(/\/api\/v1\//, (route) => {
    const isHealth = route.request().url().includes("/health");
    const health = '{"status":"ok","version":"0.1.0","has_users":true}';
    const problem = '{"code":"unauthenticated","status":401}';
    const type = isHealth ? "application/json" : "application/problem+json";
    return route.fulfill({ status: isHealth ? 200 : 401, contentType: type, body: isHealth ? health : problem });
  });
  const begun = performance.now();
  await page.goto(url, { waitUntil: "commit" });
  await page.getByLabel("Password").waitFor();
  const milliseconds = performance.now() - begun;
  await context.close();
  return milliseconds;
}

/** Milliseconds from the address to the overview of somebody who is logged in, with nothing in the browser's cache. */
async function firstOverview(browser, url) {
  const context = await browser.newContext(SIZE);
  const begun = performance.now();
  const { page } = await stage(context, url, syntheticNetwork(6));
  await page.getByText(/^of \d+ members$/).waitFor();
  const milliseconds = performance.now() - begun;
  await context.close();
  return milliseconds;
}

const FIGURES = [
  ["first form, ms", firstForm],
  ["first overview, ms", firstOverview],
  ["an empty page, frames/s", framesOfNothing],
  ["200 nodes, 1,500 links, the whole moved, frames/s", (...at) => framesWhileDragged(...at, { nodes: 200, linksOfEach: 10 })],
  ["200 nodes, 1,500 links, a node moved, frames/s", (...at) => framesWhileDragged(...at, { nodes: 200, linksOfEach: 10, isNode: true })],
  ["1,000 nodes, 1,500 links, frames/s", (...at) => framesWhileDragged(...at, { nodes: 1000, linksOfEach: 12 })],
  ["1,000 nodes in 8 groups, frames/s", (...at) => framesWhileDragged(...at, { nodes: 1000, linksOfEach: 12, isGrouped: true })],
  ["a day of one link, 86,400 seconds in three charts, longest task, ms", dayOfALink],
];

const median = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];
const servers = [];
for (const root of roots) servers.push(await serve(root));
const browser = await openBrowser();
console.log(["medians of", values.rounds, "rounds:", ...roots].join(" "));
for (const [name, measure] of FIGURES.filter(([name]) => name.includes(values.only))) {
  const found = servers.map(() => []);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [place, server] of servers.entries()) found[place].push(await measure(browser, server.url));
  }
  console.log(`${name}: ${found.map((numbers) => median(numbers).toFixed(0)).join(" | ")}`);
}
await browser.close();
for (const server of servers) server.close();
