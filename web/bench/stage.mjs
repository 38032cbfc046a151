// Opens the built dashboard in Debian's Chromium with a synthetic network behind it. Nothing of this is part of the
// dashboard; the browser tests in ../e2e use a real controller.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { NETWORK, syntheticHistory } from "./syntheticNetwork.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export async function serve(root) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const name = path === "/" ? "index.html" : path.slice(1);
    try {
      const body = readFileSync(join(root, name));
      response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "text/plain", "Content-Security-Policy": POLICY });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"],
  });
}

/** A page whose API is the synthetic network; `live.send(message)` says something on the live connection. */
export async function stage(context, url, found) {
  const page = await context.newPage();
  const live = { socket: null, send: (message) => live.socket.send(JSON.stringify(message)) };
  await page.routeWebSocket(/\/api\/v1\/live/, (socket) => {
    live.socket = socket;
    const { network, members, links } = found;
    live.send({ t: "snapshot", revision: 1, networks: [network], members, links, relays: [] });
  });
  await page.route(/\/api\/v1\//, (route) => route.fulfill(answer(new URL(route.request().url()), found)));
  await page.goto(`${url}#/n/${NETWORK}/overview`);
  return { page, live };
}

function answer(url, found) {
  const path = url.pathname.replace(/.*\/api\/v1/, "");
  const json = (body) => ({ status: 200, contentType: "application/json", body: JSON.stringify(body) });
  const list = (items) => json({ items, next_cursor: null });
  if (path === "/auth/session") return json({ user: { id: "u1", name: "ann", role: "owner" }, csrf_token: "x" });
  if (path === "/websocket-tickets") return json({ ticket: "t", expires_in: 30 });
  if (path === "/health") return json({ status: "ok", version: "0.1.0", has_users: true });
  if (path === "/openapi.json") return json({ paths: {} });
  if (path === "/networks") return list([found.network]);
  if (path.endsWith("/members")) return list(found.members);
  if (path.endsWith("/links")) return list(found.links);
  if (path.endsWith("/events")) return list(found.events);
  if (path.endsWith("/history")) {
    const seconds = Number(url.searchParams.get("to")) - Number(url.searchParams.get("from"));
    return json(syntheticHistory(seconds));
  }
  if (path.endsWith("/changes")) return list(found.events.flatMap((event) => event.change ?? []));
  return { status: 404, contentType: "application/problem+json", body: '{"code":"not-found","status":404}' };
}
