import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import type { Policy, PolicyCheck } from "./policies";
import PolicyPage from "./PolicyPage";

const MINE = "default: deny\n";
const RIGHT: PolicyCheck = { is_right: true, findings: [], tests: [] };

const policy = (revision: number, text: string): Policy => ({
  revision,
  etag: `policy-${revision}`,
  text,
  comment: "",
  created_by: "user:bob",
  created_at: "2026-01-01T00:00:00Z",
  unenforced: [],
});

let inForce: Policy;

beforeEach(() => {
  sessionStorage.clear();
  inForce = policy(1, "default: allow\n");
  loggedInAs("admin");
  answering({
    "GET /networks/{network}/members": () => page([]),
    "GET /networks/{network}/policy": () => inForce,
    "POST /networks/{network}/policy/check": () => RIGHT,
    "POST /networks/{network}/policy/preview": () => ({
      changes: [{ from: ["laptop"], to: ["nas"], gained: [], lost: ["tcp 22"] }],
      unenforced: [],
    }),
    "PUT /networks/{network}/policy": ({ headers, body }) => {
      if (headers.get("If-Match") !== inForce.etag) return new Refusal(412, "changed-meanwhile");
      inForce = policy(inForce.revision + 1, (body as { text: string }).text);
      return inForce;
    },
  });
});

const show = () => renderPage(<PolicyPage />, "/n/:network/policy", `/n/${NETWORK}/policy`);
const editor = () => screen.findByLabelText("Text of the policy");
const review = async () => {
  const button = screen.getByRole("button", { name: "See what changes, then save" });
  await waitFor(() => expect(button).toBeEnabled());
  await user.click(button);
  return screen.findByRole("dialog");
};

test("what is wrong is said with its line, and cannot be saved", async () => {
  const findings = [{ severity: "error" as const, line: 1, column: 3, message: "'defalt' is not known here" }];
  answering({ "POST /networks/{network}/policy/check": () => ({ is_right: false, findings, tests: [] }) });
  await show();
  fill(await editor(), "defalt: deny\n");
  expect(await screen.findByText("'defalt' is not known here")).toBeVisible();
  expect(screen.getByText("line 1")).toBeVisible();
  expect(screen.getByRole("button", { name: "See what changes, then save" })).toBeDisabled();
});

test("who loses access is shown before it is saved", async () => {
  await show();
  fill(await editor(), MINE);
  const dialog = await review();
  expect(await within(dialog).findByText("Loses tcp 22")).toBeVisible();
  expect(askedFor("PUT /networks/{network}/policy")).toEqual([]);
  await user.click(within(dialog).getByRole("button", { name: "Save and put in force" }));
  await waitFor(() => expect(inForce).toMatchObject({ revision: 2, text: MINE }));
});

test("where somebody saved meanwhile, my text stays, and goes over theirs only when that is said", async () => {
  await show();
  fill(await editor(), MINE);
  inForce = policy(2, "default: deny\nrules: []\n");
  const dialog = await review();
  await user.click(within(dialog).getByRole("button", { name: "Save and put in force" }));
  expect(await within(dialog).findByText("Somebody else saved meanwhile")).toBeVisible();
  expect(await editor()).toHaveValue(MINE);
  expect(within(dialog).getByRole("button", { name: "Save and put in force" })).toBeDisabled();
  await user.click(within(dialog).getByRole("button", { name: "Go on from theirs" }));
  await user.click(within(dialog).getByRole("button", { name: "Save and put in force" }));
  await waitFor(() => expect(inForce).toMatchObject({ revision: 3, text: MINE }));
});

test("a text that was not saved is there again when the page is", async () => {
  const first = await show();
  fill(await editor(), MINE);
  first.unmount();
  await show();
  expect(await editor()).toHaveValue(MINE);
});
