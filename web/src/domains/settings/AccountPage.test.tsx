import { screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import AccountPage from "./AccountPage";

const OLD = "the old password";
const NEW = "a new password";

beforeEach(() => {
  loggedInAs("user");
  answering({
    "GET /health": () => ({ status: "ok", version: "9.9.9", has_users: true }),
    "GET /me/second-factor": () => ({ is_on: false, recovery_codes_left: 0 }),
  });
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

test("a second factor is on once a code was right, and its recovery codes are shown once", async () => {
  await renderPage(<AccountPage />, "/account", "/account");
  answering({
    "POST /me/second-factor": () => ({ secret: "ABCD2345", uri: "otpauth://totp/ZeroGo:anna?secret=ABCD2345" }),
    "PUT /me/second-factor": () => ({ recovery_codes: ["first-code", "second-code"] }),
  });
  fill(await screen.findByLabelText("Your password"), OLD);
  await user.click(screen.getByRole("button", { name: "Set it up" }));
  expect(await screen.findByText("ABCD2345")).toBeVisible();
  fill(screen.getByLabelText("Code"), "123456");
  answering({ "GET /me/second-factor": () => ({ is_on: true, recovery_codes_left: 10 }) });
  await user.click(screen.getByRole("button", { name: "Switch it on" }));
  expect(await screen.findByText(/first-code/)).toBeVisible();
  expect(await screen.findByText(/10 recovery codes are left/)).toBeVisible();
  expect(askedFor("PUT /me/second-factor")[0]?.body).toEqual({ code: "123456" });
  await user.click(screen.getByRole("button", { name: "I have kept them" }));
  expect(screen.queryByText(/first-code/)).toBeNull();
});
