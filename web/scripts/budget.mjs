// Fails the build where what the browser loads first is larger than promised: index.html, the scripts and styles it
// names, what these import at once, one language and the font, all as sent (gzip where there is one).
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

const page = readFileSync(join(root, "index.html"), "utf8");
found.set(join(root, "index.html"), sent(join(root, "index.html")));
for (const [, name] of page.matchAll(/(?:src|href)="\.\/assets\/([^"]+)"/g)) follow(join(assets, name));
const entry = [...found.keys()].filter((file) => file.endsWith(".js")).map((file) => readFileSync(file, "utf8"));
for (const [, name] of entry.join("\n").matchAll(/["`/](en-[\w-]+\.js)/g)) follow(join(assets, name));
for (const file of [...found.keys()].filter((name) => name.endsWith(".css"))) {
  for (const [, name] of readFileSync(file, "utf8").matchAll(/url\(\.\/(inter-latin-wght[^)]+)\)/g)) {
    follow(join(assets, name));
  }
}

let total = 0;
for (const [file, size] of found) {
  total += size;
  console.log(`${String(size).padStart(8)}  ${file.slice(root.length + 1)}`);
}
console.log(`${String(total).padStart(8)}  first load, of at most ${LIMIT}`);
if (total > LIMIT || found.size < 4) {
  console.error(found.size < 4 ? "the first load was not recognised" : "the first load is too large");
  process.exit(1);
}
