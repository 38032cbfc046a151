import { screen } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import type { AuditLine } from "./audit";
import AuditPage from "./AuditPage";

const line = (number: number, about: Partial<AuditLine> = {}): AuditLine => ({
  number,
  at: "2026-01-01T00:00:00Z",
  unix_time: 1_767_225_600,
  actor: "user:anna",
  action: "member.approve",
  network: "",
  subject: `machine${number}`,
  detail: "",
  hash: "ab".repeat(32),
  ...about,
});

beforeEach(() => {
  loggedInAs("auditor");
  answering({
    "GET /networks": () => page([]),
    "GET /audit": ({ query }) =>
      query["cursor"] === undefined ? page([line(3), line(2, { action: "brand.new" })], "more") : page([line(1)]),
  });
});

const show = () => renderPage(<AuditPage />, "/audit", "/audit");

test("older lines are loaded when asked for, and what is filtered is said", async () => {
  await show();
  expect(await screen.findByText("machine3")).toBeVisible();
  expect(screen.getByText("brand.new")).toBeVisible();
  await user.click(screen.getByRole("button", { name: "Load older lines" }));
  expect(await screen.findByText("machine1")).toBeVisible();
  expect(askedFor("GET /audit").at(-1)?.query["cursor"]).toBe("more");
  fill(screen.getByLabelText("Who, what, or a detail"), "machine1");
  expect(await screen.findByText("1 of all 3 lines")).toBeVisible();
});

test("a chain that is broken is told with its line, and one that holds with its hash", async () => {
  const hash = "cd".repeat(32);
  answering({ "GET /audit/check": () => ({ is_whole: true, lines: 3, newest_hash: hash, broken_at: null }) });
  await show();
  await user.click(await screen.findByRole("button", { name: "Check the chain" }));
  expect(await screen.findByText("The chain holds: 3 lines.")).toBeVisible();
  expect(screen.getByText(hash)).toBeVisible();
  answering({ "GET /audit/check": () => ({ is_whole: false, lines: 1, newest_hash: hash, broken_at: 2 }) });
  await user.click(screen.getByRole("button", { name: "Check the chain" }));
  expect(await screen.findByText(/broken at line 2/)).toBeVisible();
});
