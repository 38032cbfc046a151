import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Network } from "@/api/documents";
import { network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import NetworkSettingsPage from "./NetworkSettingsPage";

let stored: { body: Network; tag: string };

beforeEach(() => {
  stored = { body: network(), tag: "one" };
  loggedInAs("admin");
  answering({
    "GET /networks": () => page([stored.body]),
    "GET /networks/{network}": () => stored,
    "PATCH /networks/{network}": ({ body, headers }) => {
      const expected = headers.get("If-Match")?.replaceAll('"', "");
      if (expected !== stored.tag) return new Refusal(412, "changed-meanwhile");
      stored = { body: { ...stored.body, ...(body as Partial<Network>) }, tag: `${stored.tag}+` };
      return stored;
    },
  });
});

const show = () => renderPage(<NetworkSettingsPage />, "/n/:network/settings", `/n/${NETWORK}/settings`);
const save = async () => {
  const button = screen.getByRole("button", { name: "Save" });
  await waitFor(() => expect(button).toBeEnabled());
  await user.click(button);
};
const sent = () => askedFor("PATCH /networks/{network}").map((one) => one.body);

test("only what was changed is sent, and can be undone", async () => {
  await show();
  fill(await screen.findByLabelText("Name"), "office");
  await save();
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await waitFor(() => expect(screen.getByLabelText("Name")).toHaveValue("home"));
  expect(sent()).toEqual([{ name: "office" }, { name: "home" }]);
});

test("where somebody saved meanwhile, both are shown, and mine keeps what they changed elsewhere", async () => {
  await show();
  fill(await screen.findByLabelText("Name"), "office");
  stored = { body: network({ name: "plant" }), tag: "theirs" };
  await save();
  const choice = await screen.findByRole("alert");
  expect(within(choice).getByText("plant")).toBeVisible();
  expect(screen.getByLabelText("Name")).toHaveValue("office");
  await user.click(within(choice).getByRole("button", { name: "Save mine" }));
  await waitFor(() => expect(stored.body.name).toBe("office"));
  expect(stored.tag).toBe("theirs+");
});

test("a network is deleted only by who types its name", async () => {
  answering({ "DELETE /networks/{network}": () => null });
  const { address } = await show();
  await user.click(await screen.findByRole("button", { name: "Delete the network" }));
  const dialog = await screen.findByRole("dialog");
  const confirm = within(dialog).getByRole("button", { name: "Delete the network" });
  expect(confirm).toBeDisabled();
  fill(within(dialog).getByRole("textbox"), "home");
  await user.click(confirm);
  await waitFor(() => expect(address()).toBe("/networks"));
});

test("who may not change them sees the settings", async () => {
  loggedInAs("auditor");
  await show();
  expect(await screen.findByLabelText("Name")).toBeDisabled();
  expect(screen.queryByRole("button", { name: "Delete the network" })).toBeNull();
});
