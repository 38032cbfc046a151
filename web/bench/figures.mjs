// The figures of issue 6 that need sizes no lab here has: dragging 200 nodes, 1,000 nodes, a day of one link.
// `node bench/figures.mjs [DIRECTORY]`, after a build; numbers are of this machine while it does nothing else.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBrowser, serve, stage } from "./stage.mjs";
import { NETWORK, syntheticNetwork } from "./syntheticNetwork.mjs";

const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../../web-static");
const server = await serve(root);
const browser = await openBrowser();

async function framesWhileDragged(count, links, isGrouped) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const found = syntheticNetwork(count, links);
  // Without tags there are no groups that would be drawn as one node.
  if (!isGrouped) found.members = found.members.map((member) => ({ ...member, tags: [] }));
  const { page } = await stage(context, server.url, found);
  await page.goto(`${server.url}#/n/${NETWORK}/topology`);
  await page.waitForTimeout(3000);
  await page.mouse.move(700, 300);
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
  for (let step = 0; step < 100; step += 1) await page.mouse.move(700 + Math.sin(step / 8) * 200, 300 + step);
  const frames = await counted;
  await page.mouse.up();
  await context.close();
  return frames;
}

async function dayOfALink() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const found = syntheticNetwork(6);
  const { page } = await stage(context, server.url, found);
  const { a, b } = found.links[0];
  await page.goto(`${server.url}#/n/${NETWORK}/links/${a}/${b}`);
  await page.waitForTimeout(1500);
  await page.evaluate(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, entry.duration);
    }).observe({ type: "longtask" });
  });
  await page.getByText("24 hours").click();
  await page.waitForTimeout(3000);
  const longest = await page.evaluate(() => globalThis.longest);
  await context.close();
  return longest;
}

const frames = async (...about) => (await framesWhileDragged(...about)).toFixed(0);
console.log(`moving 200 nodes, 1,500 links drawn: ${await frames(200, 10, false)} frames/s`);
console.log(`moving 1,000 nodes, 1,500 links drawn: ${await frames(1000, 12, false)} frames/s`);
console.log(`moving 1,000 nodes in 8 groups: ${await frames(1000, 12, true)} frames/s`);
console.log(`a day of one link, 86,400 seconds in three charts: longest task ${(await dayOfALink()).toFixed(0)} ms`);
await browser.close();
server.close();
