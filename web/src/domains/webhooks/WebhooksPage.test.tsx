import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import { isKind, isReceiver, type Webhook } from "./webhooks";
import WebhooksPage from "./WebhooksPage";

const webhook = (about: Partial<Webhook> = {}): Webhook => ({
  id: "hook1",
  url: "https://hooks.example/zerogo",
  kinds: ["member.*"],
  is_enabled: true,
  created_by: "user:anna",
  created_at: "2026-01-01T00:00:00Z",
  last_at: null,
  last_outcome: "",
  waiting: 0,
  dropped: 0,
  secret: null,
  ...about,
});

let webhooks: Webhook[];

beforeEach(() => {
  webhooks = [];
  loggedInAs("admin");
  answering({
    "GET /webhooks": () => page(webhooks),
    "POST /webhooks": ({ body }) => webhook({ ...(body as Partial<Webhook>), secret: "whsec_shown_once" }),
    "PATCH /webhooks/{webhook}": ({ body }) => webhook({ waiting: 3, ...(body as Partial<Webhook>) }),
    "DELETE /webhooks/{webhook}": () => null,
    "POST /webhooks/{webhook}/test": () => null,
  });
});

const show = () => renderPage(<WebhooksPage />, "/webhooks", "/webhooks");
const choose = async (what: string) => {
  await user.click(await screen.findByRole("button", { name: /What to do with/ }));
  await user.click(await screen.findByText(what));
};

test("a webhook is made, its secret is shown once, and nothing typed is lost before that", async () => {
  answering({ "POST /webhooks": () => new Refusal(500, "internal") });
  await show();
  await user.click(await screen.findByRole("button", { name: "New webhook" }));
  fill(await screen.findByLabelText("Address"), "ftp://hooks.example/");
  await user.click(screen.getByRole("button", { name: "Make the webhook" }));
  expect(await screen.findByText(/begins with https/)).toBeVisible();
  fill(screen.getByLabelText("Address"), "https://hooks.example/zerogo");
  await user.click(screen.getByRole("button", { name: "Make the webhook" }));
  expect(await screen.findByRole("alert")).toBeVisible();
  expect(screen.getByLabelText("Address")).toHaveValue("https://hooks.example/zerogo");
  webhooks = [webhook()];
  answering({ "POST /webhooks": () => webhook({ secret: "whsec_shown_once" }) });
  await user.click(screen.getByRole("button", { name: "Make the webhook" }));
  expect(await screen.findByText("whsec_shown_once")).toBeVisible();
  const [first, second] = askedFor("POST /webhooks");
  expect(second?.body).toEqual({ url: "https://hooks.example/zerogo", kinds: ["*"] });
  expect(second?.headers.get("Idempotency-Key")).toBe(first?.headers.get("Idempotency-Key"));
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText("whsec_shown_once")).toBeNull();
});

test("what became of the last try is told, and what was given up", async () => {
  webhooks = [
    webhook({ last_at: "2026-01-02T00:00:00Z", last_outcome: "the receiver answered 500", waiting: 3, dropped: 2 }),
    webhook({ id: "hook2", is_enabled: false, last_at: "2026-01-02T00:00:00Z", last_outcome: "gone" }),
    webhook({ id: "hook3", last_at: "2026-01-02T00:00:00Z", last_outcome: "ok" }),
    webhook({ id: "hook4" }),
  ];
  await show();
  expect(await screen.findByText("the receiver answered 500")).toBeVisible();
  expect(screen.getByText("2 deliveries were given up")).toBeVisible();
  for (const state of ["Fails", "Switched off by its receiver", "Arrives", "Not tried yet"]) {
    expect(screen.getByText(state)).toBeVisible();
  }
});

test("a test shows that it waits until the outcome is there", async () => {
  webhooks = [webhook()];
  const { cache } = await show();
  await choose("Send a test");
  expect(await screen.findByText("Being tried")).toBeVisible();
  webhooks = [webhook({ last_at: "2026-01-02T00:00:00Z", last_outcome: "ok" })];
  await cache.invalidateQueries({ queryKey: ["webhooks"] });
  expect(await screen.findByText("Arrives")).toBeVisible();
  expect(askedFor("POST /webhooks/{webhook}/test")).toHaveLength(1);
});

test("pausing can be undone, and removing says what is lost", async () => {
  webhooks = [webhook({ waiting: 3 })];
  await show();
  await choose("Pause");
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await waitFor(() =>
    expect(askedFor("PATCH /webhooks/{webhook}").map((one) => one.body)).toEqual([
      { is_enabled: false },
      { is_enabled: true },
    ]),
  );
  await choose("Remove");
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText("3 deliveries that wait are lost.")).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Remove" }));
  expect(await screen.findByText("There is no webhook")).toBeVisible();
});

test("receivers and kinds are told from what is none", () => {
  expect(["https://a.example/x?y=1", "http://10.0.0.1:8080/"].filter((text) => !isReceiver(text))).toEqual([]);
  expect(["", "a.example", "ftp://a/", "https://u:p@a/", "https://a/#x", "https://ä/", "https://a b/"].filter(isReceiver)).toEqual([]);
  expect(["*", "member.*", "link.path", "exit-user.create"].filter((text) => !isKind(text))).toEqual([]);
  expect(["", "Member", "member.", "*.x", "a".repeat(41)].filter(isKind)).toEqual([]);
});
