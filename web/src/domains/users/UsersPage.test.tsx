import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { User } from "@/api/documents";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { fill, renderPage, user as person } from "@/test/renderPage";
import { rolesBelow } from "./users";
import UsersPage from "./UsersPage";

const user = (about: Partial<User>): User => ({
  id: "user2",
  name: "bob",
  role: "operator",
  is_disabled: false,
  created_at: "2026-01-01T00:00:00Z",
  ...about,
});

beforeEach(() => {
  loggedInAs("admin");
  answering({
    "GET /users": () => page([user({ id: "user1", name: "anna", role: "admin" }), user({})]),
    "GET /auth/methods": () => ({ oidc: null }),
  });
});

const show = () => renderPage(<UsersPage />, "/users", "/users");

test("an admin gives only lower roles, and nobody shuts themselves out", async () => {
  expect(rolesBelow("admin")).toEqual(["operator", "auditor", "user"]);
  expect(rolesBelow("owner")).toHaveLength(5);
  await show();
  expect(await screen.findByLabelText(/Role of .*bob/)).toBeVisible();
  expect(screen.queryByLabelText(/Role of .*anna/)).toBeNull();
  expect(screen.queryByRole("button", { name: /What to do with .*anna/ })).toBeNull();
});

test("a user is removed only by who types the name", async () => {
  answering({ "DELETE /users/{user}": () => null });
  await show();
  await person.click(await screen.findByRole("button", { name: /What to do with .*bob/ }));
  await person.click(await screen.findByText("Remove"));
  const dialog = await screen.findByRole("dialog");
  const remove = within(dialog).getByRole("button", { name: "Remove" });
  expect(remove).toBeDisabled();
  fill(within(dialog).getByRole("textbox"), "bob");
  await person.click(remove);
  expect(await screen.findByText(/bob.* was removed/)).toBeVisible();
  expect(askedFor("DELETE /users/{user}")[0]?.path).toEqual({ user: "user2" });
});

test("a second factor that was lost is removed after a question", async () => {
  answering({ "DELETE /users/{user}/second-factor": () => null });
  await show();
  await person.click(await screen.findByRole("button", { name: /What to do with .*bob/ }));
  await person.click(await screen.findByText("Remove the second factor"));
  const dialog = await screen.findByRole("dialog");
  expect(askedFor("DELETE /users/{user}/second-factor")).toEqual([]);
  await person.click(within(dialog).getByRole("button", { name: "Remove the second factor" }));
  expect(await screen.findByText(/bob.* logs in with the password alone/)).toBeVisible();
  expect(askedFor("DELETE /users/{user}/second-factor")[0]?.path).toEqual({ user: "user2" });
});
