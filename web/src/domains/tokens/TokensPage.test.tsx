import { screen } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import { scopeAreas } from "./tokens";
import TokensPage from "./TokensPage";

const operation = (scope: string, role: string) => ({ "x-zerogo-scope": scope, "x-zerogo-role": role });
const DOCUMENT = {
  paths: {
    "/networks": { get: operation("networks:read", "auditor"), post: operation("networks:write", "admin") },
    "/audit": { get: operation("audit:read", "auditor") },
    "/me/password": { put: operation("account:write", "user") },
    "/health": { get: {} },
  },
};

beforeEach(() => {
  loggedInAs("auditor");
  // The API's document does not describe itself.
  answering({ "GET /tokens": () => page([]), "GET /openapi.json": () => DOCUMENT as never });
});

test("scopes are those that the API names and the role may use", () => {
  expect(scopeAreas(DOCUMENT, "admin")).toEqual([
    { area: "networks", verbs: ["read", "write"] },
    { area: "audit", verbs: ["read"] },
  ]);
  expect(scopeAreas(DOCUMENT, "auditor").map(({ verbs }) => verbs)).toEqual([["read"], ["read"]]);
  expect(scopeAreas({}, "owner")).toEqual([]);
});

test("a token has what was chosen, and is shown once", async () => {
  answering({
    "POST /tokens": ({ body }) => ({
      id: "token1",
      user: "user1",
      created_by: "user:anna",
      created_at: "2026-01-01T00:00:00Z",
      expires_at: "2026-04-01T00:00:00Z",
      used_at: null,
      ...(body as { name: string; scopes: string[] }),
      token: "zgo_api_shown_once",
    }),
  });
  await renderPage(<TokensPage />, "/tokens", "/tokens");
  await user.click(await screen.findByRole("button", { name: "New token" }));
  fill(await screen.findByLabelText("Name"), "backup");
  await user.click(screen.getByRole("button", { name: "Make the token" }));
  expect(await screen.findByText("Choose at least one.")).toBeVisible();
  await user.click(screen.getByRole("checkbox", { name: "Audit log: see" }));
  await user.click(screen.getByRole("button", { name: "Make the token" }));
  expect(await screen.findByText("zgo_api_shown_once")).toBeVisible();
  expect(askedFor("POST /tokens").map((one) => one.body)).toEqual([
    { name: "backup", scopes: ["audit:read"], expires_seconds: 7_776_000, user: null },
  ]);
  await user.click(screen.getByRole("button", { name: "Done" }));
  expect(screen.queryByText("zgo_api_shown_once")).toBeNull();
});
