import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { network, page } from "@/test/documents";
import { answering, loggedInAs } from "@/test/fakeApi";
import { renderPage } from "@/test/renderPage";
import ControllerPage from "./ControllerPage";

test("what the controller tells of itself is shown, and where the rest is set", async () => {
  loggedInAs("admin");
  answering({
    "GET /health": () => ({ status: "ok", version: "0.1.0", has_users: true }),
    "GET /auth/methods": () => ({ oidc: { name: "Example Inc.", start: "/start" } }),
    "GET /networks": () => page([network({ name: "home" })]),
  });
  await renderPage(<ControllerPage />, "/controller", "/controller");
  expect(await screen.findByText("0.1.0")).toBeVisible();
  expect(await screen.findByText("Example Inc.")).toBeVisible();
  expect(await screen.findByRole("link", { name: "home" })).toHaveAttribute("href", "/n/abcdefgh/settings");
  expect(screen.getByText("/etc/zerogo/controller.yaml")).toBeVisible();
  expect(screen.getByText(/^sudo zerogo controller backup \/var\/backups\/\S+/)).toBeVisible();
});
