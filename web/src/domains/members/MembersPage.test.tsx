import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Member } from "@/api/documents";
import { member, network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import MembersPage from "./MembersPage";

const HOSTILE = '<script>alert("x")</script>\u202e' + "é🦊".repeat(10);

let members: Member[];

beforeEach(() => {
  loggedInAs("operator");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/members": () => page(members),
    "GET /networks/{network}/links": () => page([]),
    "PATCH /networks/{network}/members/{node}": ({ path, body }) => {
      const changed = { ...(members.find((one) => one.id === path["node"]) as Member), ...(body as Partial<Member>) };
      members = members.map((one) => (one.id === changed.id ? changed : one));
      return changed;
    },
  });
});

const show = (address = "members") => renderPage(<MembersPage />, "/n/:network/members/:node?", `/n/${NETWORK}/${address}`);

test("an empty network says how a machine joins", async () => {
  members = [];
  await show();
  expect(await screen.findByText("Nobody is in this network yet")).toBeVisible();
  expect(screen.getByRole("link", { name: "Invite a machine" })).toHaveAttribute("href", `/n/${NETWORK}/keys?new`);
});

test("a machine that waits is approved, and is then a member", async () => {
  members = [member({ id: "waiting", name: "tablet", state: "pending", addresses: [] })];
  await show();
  await user.click(await screen.findByRole("button", { name: /Approve .*tablet/ }));
  expect(await screen.findByText(/tablet.* is a member/)).toBeVisible();
  expect(screen.queryByText("1 machine waits to be let in")).toBeNull();
  expect(askedFor("PATCH /networks/{network}/members/{node}").map((one) => one.body)).toEqual([{ state: "approved" }]);
});

test("blocking names what happens, and can be undone", async () => {
  const subnets = [{ subnet: "192.168.1.0/24", is_announced: true, is_approved: true }];
  members = [member({ id: "router", name: "router", subnets })];
  await show();
  await user.click(await screen.findByRole("button", { name: /What to do with .*router/ }));
  await user.click(await screen.findByText("Block"));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/Nobody reaches 192\.168\.1\.0\/24/)).toBeVisible();
  expect(askedFor("PATCH /networks/{network}/members/{node}")).toEqual([]);
  await user.click(within(dialog).getByRole("button", { name: "Block" }));
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  const bodies = askedFor("PATCH /networks/{network}/members/{node}").map((one) => one.body);
  expect(bodies).toEqual([{ state: "blocked" }, { state: "approved" }]);
});

test("a name that is refused stays typed, with the reason beside it", async () => {
  members = [member({ id: "node1", name: "laptop" })];
  answering({ "PATCH /networks/{network}/members/{node}": () => new Refusal(409, "conflict", "another member is named 'nas'") });
  await show("members/node1");
  const field = await screen.findByRole("textbox", { name: "Name" });
  fill(field, "nas");
  await user.click(screen.getByRole("button", { name: "Rename" }));
  expect(await screen.findByText(/another member is named 'nas'/)).toBeVisible();
  expect(field).toHaveValue("nas");
});

test("hostile names stay text", async () => {
  members = [member({ id: "node1", name: HOSTILE })];
  const { container } = await show();
  const name = await screen.findByText(HOSTILE, { normalizer: (text) => text });
  expect(name.tagName).toBe("BDI");
  expect(container.querySelector("script")).toBeNull();
});

test("the filter is in the address, and finds by tag, state and any word", async () => {
  members = [
    member({ id: "node1", name: "laptop", tags: ["office"], is_online: true }),
    member({ id: "node2", name: "nas", tags: ["server"] }),
  ];
  const { address } = await show("members?tag=server");
  expect(await screen.findByRole("link", { name: "nas" })).toBeVisible();
  expect(screen.queryByRole("link", { name: "laptop" })).toBeNull();
  fill(screen.getByLabelText("Name, address, tag or id"), "lap");
  expect(await screen.findByText("No member is like that")).toBeVisible();
  expect(address()).toContain("q=lap");
  await user.click(screen.getByRole("button", { name: "Show all members" }));
  expect(await screen.findByRole("link", { name: "laptop" })).toBeVisible();
});

test("who may not decide is offered nothing to decide", async () => {
  loggedInAs("auditor");
  members = [member({ id: "waiting", name: "tablet", state: "pending" })];
  await show("members/waiting");
  expect(await screen.findByText("1 machine waits to be let in")).toBeVisible();
  expect(screen.queryByRole("button", { name: /Approve/ })).toBeNull();
  expect(screen.queryByRole("link", { name: "Invite a machine" })).toBeNull();
});
