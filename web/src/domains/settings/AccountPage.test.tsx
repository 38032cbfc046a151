import { screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import AccountPage from "./AccountPage";

const OLD = "the old password";
const NEW = "a new password";

beforeEach(() => {
  loggedInAs("user");
  answering({ "GET /health": () => ({ status: "ok", version: "9.9.9", has_users: true }) });
});

const typePasswords = async (old: string, first: string, again: string) => {
  fill(await screen.findByLabelText("Present password"), old);
  fill(screen.getByLabelText("New password"), first);
  fill(screen.getByLabelText("New password again"), again);
  await user.click(screen.getByRole("button", { name: "Change the password" }));
};

test("a password that was typed otherwise the second time is not sent", async () => {
  await renderPage(<AccountPage />, "/account", "/account");
  await typePasswords(OLD, NEW, `${NEW}!`);
  expect(await screen.findByText("This is not the same as above.")).toBeVisible();
  expect(askedFor("PUT /me/password")).toEqual([]);
});

test("a wrong password is told and what was typed stays; a right one opens a new session", async () => {
  answering({ "PUT /me/password": () => new Refusal(429, "too-many-attempts") });
  await renderPage(<AccountPage />, "/account", "/account");
  await typePasswords(OLD, NEW, NEW);
  expect(await screen.findByText(/Too many failed attempts/)).toBeVisible();
  expect(screen.getByLabelText("New password")).toHaveValue(NEW);
  answering({
    "PUT /me/password": () => null,
    "POST /auth/session": () => ({ user: { id: "user1", name: "anna", role: "user" }, csrf_token: "another" }),
  });
  await user.click(screen.getByRole("button", { name: "Change the password" }));
  await waitFor(() => expect(askedFor("POST /auth/session")[0]?.body).toMatchObject({ name: "anna", password: NEW }));
  expect(await screen.findByText("Your password is changed.")).toBeVisible();
});
