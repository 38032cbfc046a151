import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Network } from "@/api/documents";
import { member, network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { renderPage, user } from "@/test/renderPage";
import type { Flows } from "./flows";
import PolicyPage from "./PolicyPage";

const LOG = "GET /networks/{network}/flows";
const flows = (about: Partial<Flows> = {}): Flows => ({
  ended_at: "2026-01-01T00:00:00Z",
  seconds: 60,
  reported_by: "node2",
  peer: "node1",
  direction: "in",
  protocol: "tcp",
  port: 22,
  opened: 0,
  refused: 12,
  ...about,
});
let stored: Network;

beforeEach(() => {
  stored = network({ flow_log: true });
  loggedInAs("admin");
  answering({
    "GET /networks": () => page([stored]),
    "GET /networks/{network}": () => ({ body: stored, tag: "one" }),
    "PATCH /networks/{network}": ({ body }) => (stored = { ...stored, ...(body as Partial<Network>) }),
    "GET /networks/{network}/members": () => page([member(), member({ id: "node2", name: "nas" })]),
    "GET /networks/{network}/policy": () => ({
      revision: 1,
      etag: "policy-1",
      text: "default: deny\n",
      comment: "",
      created_by: "user:bob",
      created_at: "2026-01-01T00:00:00Z",
      unenforced: [],
    }),
    "POST /networks/{network}/policy/check": () => ({ is_right: true, findings: [], tests: [] }),
    [LOG]: () => page([flows()]),
  });
});

const show = (query = "show=flows") =>
  renderPage(<PolicyPage />, "/n/:network/policy", `/n/${NETWORK}/policy?${query}`);
const rowOf = async (text: string) => {
  const found = (await screen.findByText(text)).closest("tr");
  expect(found).not.toBeNull();
  return found as HTMLElement;
};

test("a refusal is shown from who sent to who refused, and leads to the rule that decides", async () => {
  answering({
    "GET /networks/{network}/policy/explain": ({ query }) => ({
      verdict: "deny",
      from: query["src"] ?? "",
      to: query["dst"] ?? "",
      traffic: "tcp 22",
      reason: "nothing allows it",
      destination: null,
      rule: null,
      line: null,
      enforced_by: [],
    }),
  });
  await show();
  const row = await rowOf("TCP 22");
  expect(row.textContent).toMatch(/laptop.*nas.*12/);
  await user.click(within(row).getByRole("link", { name: /^Why\? TCP 22/ }));
  expect(await screen.findByText("nothing allows it")).toBeVisible();
  expect(askedFor("GET /networks/{network}/policy/explain")[0]?.query).toEqual({
    src: "laptop",
    dst: "nas",
    protocol: "tcp",
    port: "22",
  });
});

test("what is looked for stands in the address and is asked of the API, and older rows are loaded", async () => {
  answering({
    [LOG]: ({ query }) =>
      query["cursor"] === undefined ? page([flows()], "more") : page([flows({ peer: null, protocol: "rest", port: null })]),
  });
  const { address } = await show("show=flows&member=node1&outcome=refused&protocol=tcp&port=22&since=hour&junk=1");
  await user.click(await screen.findByRole("button", { name: "Load older rows" }));
  const rest = await rowOf("All the rest");
  expect(rest.textContent).toContain("several others");
  expect(within(rest).queryByRole("link")).toBeNull();
  const [first, second] = askedFor(LOG).map(({ query }) => query);
  expect(first).toMatchObject({ member: "node1", outcome: "refused", protocol: "tcp", port: "22" });
  expect(Number(first?.["since"])).toBeGreaterThan(Date.now() / 1000 - 4000);
  expect(second).toMatchObject({ cursor: "more", member: "node1" });
  answering({ [LOG]: () => page([]) });
  await user.click(screen.getByRole("button", { name: /Read again/ }));
  await user.click(await screen.findByRole("button", { name: "Show all" }));
  await waitFor(() => expect(address()).toBe(`/n/${NETWORK}/policy?show=flows`));
  await waitFor(() => expect(askedFor(LOG).at(-1)?.query).toEqual({ limit: "100" }));
});

test("the log is switched on by an admin, and off again", async () => {
  stored = network();
  answering({ [LOG]: () => page([]) });
  await show();
  expect(await screen.findByText("No log is kept")).toBeVisible();
  const keep = screen.getByRole("switch", { name: "Keep a log of what members decide" });
  expect(keep).not.toBeChecked();
  await user.click(keep);
  expect(await screen.findByText("Nothing was told yet")).toBeVisible();
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await waitFor(() => expect(stored.flow_log).toBe(false));
  const sent = askedFor("PATCH /networks/{network}");
  expect(sent.map(({ body }) => body)).toEqual([{ flow_log: true }, { flow_log: false }]);
  expect(sent[0]?.headers.get("If-Match")).toContain("one");
});

test("an auditor reads it and cannot switch it; an operator does not see it", async () => {
  loggedInAs("auditor");
  const first = await show();
  expect(await screen.findByText("The network keeps this log.")).toBeVisible();
  expect(await screen.findByText("TCP 22")).toBeVisible();
  expect(screen.queryByRole("switch")).toBeNull();
  first.unmount();
  loggedInAs("operator");
  await show("show=explain");
  expect(await screen.findByRole("tab", { name: "Does it pass?" })).toBeVisible();
  expect(screen.queryByRole("tab", { name: "Decisions" })).toBeNull();
});
