import { screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { answering, Refusal } from "@/test/fakeApi";
import { renderPage } from "@/test/renderPage";
import { LoginPage } from "./LoginPage";

const PROVIDER = { name: "Example Inc.", start: "/api/v1/auth/oidc/start" };

async function show(oidc: typeof PROVIDER | null, address: string): Promise<void> {
  answering({
    "GET /auth/session": () => new Refusal(401, "unauthorized"),
    "GET /auth/methods": () => ({ oidc }),
    "GET /health": () => ({ status: "ok", version: "0.1.0", has_users: true }),
  });
  window.history.replaceState(null, "", address);
  await renderPage(<LoginPage />, "/", "/");
}

afterEach(() => window.history.replaceState(null, "", "/"));

test("where the controller has a provider, its login is offered", async () => {
  await show(PROVIDER, "/");
  const link = await screen.findByRole("link", { name: "Log in with Example Inc." });
  expect(link).toHaveAttribute("href", PROVIDER.start);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("why the provider's login did not work is told in words", async () => {
  await show(null, "/?oidc=stranger");
  expect(await screen.findByRole("alert")).toHaveTextContent("belongs to no user here");
});

test("an address of somebody else's making shows nothing", async () => {
  await show(null, "/?oidc=constructor");
  expect(await screen.findByLabelText("Name")).toBeVisible();
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.queryByRole("link")).toBeNull();
});
