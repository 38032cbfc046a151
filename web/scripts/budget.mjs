// Fails the build where what the browser loads first is larger than promised: index.html, the scripts and styles it
// names, what these import at once, one language and the font, all as sent (gzip where there is one). That is the login;
// the first load is it, and all that is loaded for somebody who is logged in until the overview can be read.
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const LIMIT = 400 * 1024;
const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), "../../web-static");
const assets = join(root, "assets");

function sent(file) {
  return statSync(existsSync(`${file}.gz`) ? `${file}.gz` : file).size;
}

const found = new Map();

function follow(file) {
  if (found.has(file)) return;
  found.set(file, sent(file));
  if (!file.endsWith(".js")) return;
  const code = readFileSync(file, "utf8");
  for (const [, name] of code.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) follow(join(assets, name));
}

/** Files of this name that are imported when they are needed, and what these import. */
function followLater(name) {
  const code = [...found.keys()].filter((file) => file.endsWith(".js")).map((file) => readFileSync(file, "utf8"));
  const wanted = new RegExp(`["\`/](${name}-[\\w-]+\\.(?:js|css))`, "g");
  for (const [, file] of code.join("\n").matchAll(wanted)) follow(join(assets, file));
}

function sum() {
  return [...found.values()].reduce((total, size) => total + size, 0);
}

const page = readFileSync(join(root, "index.html"), "utf8");
found.set(join(root, "index.html"), sent(join(root, "index.html")));
for (const [, name] of page.matchAll(/(?:src|href)="\.\/assets\/([^"]+)"/g)) follow(join(assets, name));
followLater("en");
for (const file of [...found.keys()].filter((name) => name.endsWith(".css"))) {
  for (const [, name] of readFileSync(file, "utf8").matchAll(/url\(\.\/(inter-latin-wght[^)]+)\)/g)) {
    follow(join(assets, name));
  }
}

const login = sum();
followLater("Inside");
followLater("shell");
followLater("OverviewPage");

for (const [file, size] of found) console.log(`${String(size).padStart(8)}  ${file.slice(root.length + 1)}`);
console.log(`${String(login).padStart(8)}  until the login can be typed into`);
console.log(`${String(sum()).padStart(8)}  first load, of at most ${LIMIT}`);
const names = [...found.keys()].join(" ");
const isRecognised = ["en-", "Inside-", "shell-", "OverviewPage-", ".woff2"].every((name) => names.includes(name));
if (sum() > LIMIT || !isRecognised) {
  console.error(isRecognised ? "the first load is too large" : "the first load was not recognised");
  process.exit(1);
}
