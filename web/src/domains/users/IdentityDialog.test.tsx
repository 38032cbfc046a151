import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user as person } from "@/test/renderPage";
import UsersPage from "./UsersPage";

const BOB = { id: "user2", name: "bob", role: "operator" as const, is_disabled: false, created_at: "2026-01-01T00:00:00Z" };
const LINKED = { issuer: "https://id.example.net", subject: "248289761001", created_at: "2026-01-01T00:00:00Z" };

beforeEach(() => {
  loggedInAs("owner");
  answering({
    "GET /users": () => page([BOB]),
    "GET /auth/methods": () => ({ oidc: { name: "Example Inc.", start: "/api/v1/auth/oidc/start" } }),
  });
});

async function open(): Promise<HTMLElement> {
  await renderPage(<UsersPage />, "/users", "/users");
  await person.click(await screen.findByRole("button", { name: /What to do with .*bob/ }));
  await person.click(await screen.findByText(/Account at .*Example Inc\./));
  return screen.findByRole("dialog");
}

test("a user is linked to an account of the provider", async () => {
  answering({ "GET /users/{user}/identity": () => new Refusal(404, "not-found") });
  answering({ "PUT /users/{user}/identity": () => LINKED });
  const dialog = await open();
  fill(await within(dialog).findByLabelText("Subject"), " 248289761001 ");
  await person.click(within(dialog).getByRole("button", { name: "Link" }));
  expect(await screen.findByText(/bob.* logs in by .*Example Inc\./)).toBeVisible();
  expect(askedFor("PUT /users/{user}/identity")[0]).toMatchObject({ path: { user: "user2" }, body: { subject: "248289761001" } });
});

test("a link is shown, and ended only with its consequences named", async () => {
  answering({ "GET /users/{user}/identity": () => LINKED, "DELETE /users/{user}/identity": () => null });
  const dialog = await open();
  expect(await within(dialog).findByText("248289761001")).toBeVisible();
  await person.click(within(dialog).getByRole("button", { name: "Unlink" }));
  const question = (await screen.findByText("All their sessions end at once.")).closest(".ant-modal") as HTMLElement;
  await person.click(within(question).getByRole("button", { name: "Unlink" }));
  expect(await within(dialog).findByLabelText("Subject")).toBeVisible();
  expect(askedFor("DELETE /users/{user}/identity")).toHaveLength(1);
});
