import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { answering, askedFor, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import { LoginForm } from "./LoginForm";

const SESSION = { user: { id: "u", name: "ann", role: "owner" as const }, csrf_token: "x" };

async function show(): Promise<void> {
  answering({ "GET /auth/session": () => new Refusal(401, "unauthorized") });
  await renderPage(<LoginForm />, "/", "/");
  fill(screen.getByLabelText("Name"), "ann");
  fill(screen.getByLabelText("Password"), "correct horse battery");
}

const logIn = () => user.click(screen.getByRole("button", { name: "Log in" }));

test("a refusal is told in words, and what was typed stays", async () => {
  await show();
  answering({ "POST /auth/session": () => new Refusal(401, "unauthorized") });
  await logIn();
  expect(await screen.findByRole("alert")).toHaveTextContent("Name or password is wrong");
  expect(screen.getByLabelText("Name")).toHaveValue("ann");
  expect(screen.getByLabelText("Password")).toHaveValue("correct horse battery");
});

test("a code is asked for where the user has a second factor", async () => {
  await show();
  answering({
    "POST /auth/session": ({ body }) =>
      (body as { code: string }).code === "123456" ? SESSION : new Refusal(401, "second-factor"),
  });
  await logIn();
  fill(await screen.findByLabelText("Code"), " 123456 ");
  expect(screen.queryByRole("alert")).toBeNull();
  await logIn();
  await expect.poll(() => askedFor("POST /auth/session").length).toBe(2);
});

test("what is missing is said at its field, and nothing is sent", async () => {
  answering({ "GET /auth/session": () => new Refusal(401, "unauthorized") });
  await renderPage(<LoginForm />, "/", "/");
  await logIn();
  expect(screen.getByLabelText("Name")).toHaveAccessibleDescription("Who are you?");
  expect(screen.getByLabelText("Name")).toHaveFocus();
  expect(screen.getByLabelText("Password")).toBeInvalid();
  expect(askedFor("POST /auth/session")).toEqual([]);
});

test("a password is shown where somebody asks for it", async () => {
  await show();
  expect(screen.getByLabelText("Password")).toHaveAttribute("type", "password");
  await user.click(screen.getByRole("button", { name: "Show what is typed" }));
  expect(screen.getByLabelText("Password")).toHaveAttribute("type", "text");
  expect(screen.getByLabelText("Password")).toHaveValue("correct horse battery");
});
