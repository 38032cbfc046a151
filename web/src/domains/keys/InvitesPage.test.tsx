import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Invite } from "@/api/documents";
import { invite, member, network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import InvitesPage from "./InvitesPage";

const URL = "zerogo://vpn.example.net:9394/abcdefgh/secret?k=hash";
const NETWORK_SECRET = "a".repeat(52);

let invites: Invite[];

beforeEach(() => {
  invites = [];
  loggedInAs("operator");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/members": () => page([member()]),
    "GET /networks/{network}/invites": () => page(invites),
    "GET /networks/{network}/lock": () => ({ key: null, end: null, is_locked: false }),
    "POST /networks/{network}/invites": () => invite({ id: "made", join_url: URL }),
  });
});

const show = (search = "") => renderPage(<InvitesPage />, "/n/:network/keys", `/n/${NETWORK}/keys${search}`);
const sent = () => askedFor("POST /networks/{network}/invites");

test("an invite ends with the line to join with", async () => {
  await show("?new");
  fill(await screen.findByLabelText("How many machines may join with it"), "3");
  await user.click(screen.getByRole("button", { name: "Make the invite" }));
  expect(await screen.findByText(`sudo zerogo join '${URL}'`)).toBeVisible();
  expect(screen.getByRole("img", { name: "QR code of the join address" })).toBeVisible();
  expect(sent()[0]?.body).toEqual({
    uses: 3,
    expires_seconds: 86_400,
    approval: "automatic",
    tags: [],
    is_ephemeral: false,
    addresses: [],
  });
});

test("in a locked network, the machine is to be signed then", async () => {
  answering({ "GET /networks/{network}/lock": () => ({ key: btoa("k".repeat(32)), end: null, is_locked: true }) });
  await show("?new");
  await user.click(await screen.findByRole("button", { name: "Make the invite" }));
  expect(await screen.findByText(/until the owner of the lock has signed it/)).toBeVisible();
  expect(screen.getByRole("link", { name: "How to sign" })).toHaveAttribute("href", `/n/${NETWORK}/lock`);
});

test("a lost answer is asked for again with the same key, and what was chosen stays", async () => {
  answering({ "POST /networks/{network}/invites": () => new Refusal(503, "busy") });
  await show("?new");
  fill(await screen.findByLabelText("How many machines may join with it"), "3");
  await user.click(screen.getByRole("button", { name: "Make the invite" }));
  expect(await screen.findByText("The controller is busy. Try again in a moment.")).toBeVisible();
  answering({ "POST /networks/{network}/invites": () => invite({ join_url: URL }) });
  await user.click(screen.getByRole("button", { name: "Make the invite" }));
  await screen.findByText(`sudo zerogo join '${URL}'`);
  const [first, second] = sent();
  expect(second?.body).toEqual(first?.body);
  expect(second?.headers.get("Idempotency-Key")).toBe(first?.headers.get("Idempotency-Key"));
});

test("the secret that only members have goes into the line and never to the controller", async () => {
  answering({ "GET /networks": () => page([network({ psk_mode: "end-to-end" })]) });
  await show("?new");
  const field = await screen.findByLabelText("The network's secret");
  fill(field, "too short");
  await user.click(screen.getByRole("button", { name: "Make the invite" }));
  expect(await screen.findByText("That is not the secret: it has 52 letters and digits.")).toBeVisible();
  expect(sent()).toEqual([]);
  fill(field, NETWORK_SECRET);
  await user.click(screen.getByRole("button", { name: "Make the invite" }));
  expect(await screen.findByText(`sudo zerogo join '${URL}#${NETWORK_SECRET}'`)).toBeVisible();
  expect(JSON.stringify(sent()[0]?.body)).not.toContain(NETWORK_SECRET);
  await user.click(screen.getByRole("button", { name: "Make another" }));
  expect(await screen.findByLabelText("The network's secret")).toHaveValue(NETWORK_SECRET);
});

test("an invite that is good can be revoked; those that are finished stand apart", async () => {
  invites = [invite({ id: "good" }), invite({ id: "old", expires_at: "2020-01-01T00:00:00Z" })];
  answering({
    "DELETE /networks/{network}/invites/{invite}": ({ path }) => {
      invites = invites.map((one) => (one.id === path["invite"] ? { ...one, is_revoked: true } : one));
      return null;
    },
  });
  await show();
  expect(await screen.findByText("good")).toBeVisible();
  expect(screen.queryByText("old")).toBeNull();
  await user.click(screen.getByRole("button", { name: "Revoke invite good" }));
  const dialog = await screen.findByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Revoke" }));
  expect(await screen.findByText("Finished (2)")).toBeVisible();
});
