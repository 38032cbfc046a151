import { screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { answering, loggedInAs } from "@/test/fakeApi";
import { member, network, NETWORK, page } from "@/test/documents";
import { link } from "@/test/links";
import { renderPage } from "@/test/renderPage";
import OverviewPage from "./OverviewPage";

// jsdom has no canvas to draw on; what would be drawn is tested in picture.test.ts, and the drawing in ../../../e2e.
vi.mock("../topology/Graph", () => ({ default: () => <div>drawing</div> }));

const HOSTILE = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "🦊".repeat(40), "W".repeat(200)];

async function show(members = [member()], links = [link("node1", "node2")]) {
  loggedInAs("owner");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/members": () => page(members),
    "GET /networks/{network}/links": () => page(links),
    "GET /networks/{network}/events": () => page([]),
    "GET /networks/{network}/course": () => ({ time: [], online: [], links: [], direct: [], rtt_ms: [], bytes_per_second: [] }),
    "GET /networks/{network}/invites": () => page([]),
    "GET /networks/{network}/lock": () => ({ key: null, end: null, is_locked: false }),
    "GET /health": () => ({ status: "ok", version: "0.1.0", has_users: true }),
    "GET /tokens": () => page([]),
    "GET /webhooks": () => page([]),
  });
  await renderPage(<OverviewPage />, "/n/:network/overview", `/n/${NETWORK}/overview`);
}

test("a network without members says what to do next", async () => {
  await show([], []);
  expect(await screen.findByRole("button", { name: "Invite a machine" })).toBeInTheDocument();
});

test.each(HOSTILE)("a member called %j stays text", async (name) => {
  const members = [member({ id: "node1", name, is_online: true }), member({ id: "node2", name: "b", is_online: true })];
  await show(members, [link("node1", "node2", { path: "relay", reason: name, why: `<script>${name}</script>` })]);
  const shown = await screen.findAllByText(name);
  for (const element of shown) {
    expect(element.tagName).toBe("BDI");
    expect(element).toHaveClass("name");
  }
  expect(document.querySelector("main img, section img, script")).toBeNull();
});

test("what is wrong is told first", async () => {
  const members = [member({ id: "node1", is_online: true }), member({ id: "node2", name: "other", is_online: true })];
  await show(members, [link("node1", "node2", { path: "none", reason: "no path is left" })]);
  expect(await screen.findByRole("heading", { level: 1 })).toHaveTextContent("One pair of members cannot reach each other");
  expect(screen.getByText("No way between them.")).toBeInTheDocument();
});
