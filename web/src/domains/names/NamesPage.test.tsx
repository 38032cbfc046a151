import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { member, network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import { isAddress, isName, type OwnName } from "./names";
import NamesPage from "./NamesPage";

const SET = "PUT /networks/{network}/names/{name}";
const REMOVE = "DELETE /networks/{network}/names/{name}";
const named = (name: string, addresses: string[]): OwnName => ({
  name,
  full_name: `${name}.home.zg`,
  addresses,
  created_at: "2026-01-01T00:00:00Z",
});

let items: OwnName[];

beforeEach(() => {
  items = [];
  loggedInAs("operator");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/members": () => page([member()]),
    "GET /networks/{network}/names": () => ({
      origin: "home.zg",
      items,
      members: [{ member: "node1", full_name: "laptop.home.zg", addresses: ["10.9.0.1"] }],
    }),
    [SET]: ({ path, body }) => {
      const made = named(path["name"] ?? "", (body as { addresses: string[] }).addresses);
      items = [made];
      return made;
    },
    [REMOVE]: () => {
      items = [];
      return null;
    },
  });
});

const show = () => renderPage(<NamesPage />, "/n/:network/names", `/n/${NETWORK}/names`);
const add = async (address: string) => {
  const field = screen.getByRole("combobox", { name: "Addresses" });
  await user.type(field, `${address}{Enter}`);
};

test("a network without names says what one is for, and the members' names are there", async () => {
  await show();
  expect(await screen.findByText("There is no name beside those of the members")).toBeVisible();
  expect(screen.getByText(/printer\.home\.zg/)).toBeVisible();
  expect(screen.getByText("laptop.home.zg")).toBeVisible();
});

test("a name is made, and what was typed stays where that is refused", async () => {
  answering({ [SET]: () => new Refusal(503, "busy") });
  await show();
  await user.click(await screen.findByRole("button", { name: "New name" }));
  fill(await screen.findByLabelText("Name"), "printer");
  await user.click(screen.getByRole("button", { name: "Make the name" }));
  expect(await screen.findByText("Where does the name lead?")).toBeVisible();
  await add("192.168.1.20");
  await user.click(screen.getByRole("button", { name: "Make the name" }));
  expect(await screen.findByRole("alert")).toBeVisible();
  expect(screen.getByLabelText("Name")).toHaveValue("printer");
  answering({ [SET]: () => ((items = [named("printer", ["192.168.1.20"])]), named("printer", ["192.168.1.20"])) });
  await user.click(screen.getByRole("button", { name: "Make the name" }));
  expect(await screen.findByText("printer.home.zg")).toBeVisible();
  expect(askedFor(SET).at(-1)).toMatchObject({ path: { name: "printer" }, body: { addresses: ["192.168.1.20"] } });
});

test("removing names its consequences, and can be undone", async () => {
  items = [named("printer", ["192.168.1.20"])];
  await show();
  await user.click(await screen.findByRole("button", { name: "Remove printer.home.zg" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/do not find the machine/)).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Remove" }));
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await waitFor(() => expect(askedFor(SET)).toHaveLength(1));
  expect(askedFor(SET)[0]).toMatchObject({ path: { name: "printer" }, body: { addresses: ["192.168.1.20"] } });
});

test("who may not change names is not offered to", async () => {
  loggedInAs("auditor");
  items = [named("printer", ["192.168.1.20"])];
  await show();
  expect(await screen.findByText("printer.home.zg")).toBeVisible();
  expect(screen.queryByRole("button", { name: /Remove|Change|New name/ })).toBeNull();
});

test("names and addresses are told from what is none", () => {
  expect(["printer", "Büro", "a", "x-1"].filter((text) => !isName(text))).toEqual([]);
  expect(["", "a.b", "-a", "a-", "a b", "ä ö", "a".repeat(64)].filter(isName)).toEqual([]);
  expect(["10.0.0.1", "fd00::1", "::ffff:10.0.0.1"].filter((text) => !isAddress(text))).toEqual([]);
  expect(["10.0.0", "256.0.0.1", "host", "10.0.0.1/24", ":"].filter(isAddress)).toEqual([]);
});
