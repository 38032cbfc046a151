import { screen } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { page } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import type { ExitUser } from "./exits";
import ExitsPage from "./ExitsPage";

const alice = (about: Partial<ExitUser> = {}): ExitUser => ({
  name: "alice",
  package: "basic",
  package_bytes: 10e9,
  used_bytes: 2.5e9,
  left_bytes: 7.5e9,
  leased_bytes: 0,
  window_ends_at: null,
  total_up: 0,
  total_down: 0,
  live_streams: 3,
  upload: 0,
  download: 0,
  streams: 64,
  reply: "late",
  may_listen: false,
  may_datagrams: true,
  sources: [],
  zones: [],
  regions: [],
  countries: [],
  edges: [],
  mode: "auto",
  edge: "",
  minutes: 10,
  expires_at: 0,
  is_paused: false,
  created_at: "2026-01-01T00:00:00Z",
  ...about,
});

let users: ExitUser[];

beforeEach(() => {
  users = [];
  loggedInAs("operator");
  answering({
    "GET /exits/users": () => page(users),
    "GET /exits/packages": () => page([]),
    "POST /exits/users": ({ body }) => {
      users = [alice(body as Partial<ExitUser>)];
      return alice();
    },
    "PATCH /exits/users/{user}": ({ body }) => {
      users = [alice(body as Partial<ExitUser>)];
      return alice();
    },
  });
});

const show = () => renderPage(<ExitsPage />, "/exits", "/exits");

test("a user is made with rates in bytes per second", async () => {
  await show();
  await user.click(await screen.findByRole("button", { name: "New user" }));
  fill(await screen.findByLabelText("Name"), "alice");
  fill(screen.getByLabelText("Password"), "a password");
  fill(screen.getByLabelText("Download, at most"), "8");
  await user.click(screen.getByRole("button", { name: "Make the user" }));
  expect(await screen.findByText("alice")).toBeVisible();
  const body = askedFor("POST /exits/users")[0]?.body;
  expect(body).toMatchObject({ name: "alice", download: 1_000_000, upload: 0, package: null });
});

test("what is used is shown, and pausing can be undone", async () => {
  users = [alice()];
  await show();
  expect(await screen.findByText("2.5 GB of 10 GB")).toBeVisible();
  await user.click(screen.getByRole("button", { name: /What to do with .*alice/ }));
  await user.click(await screen.findByText("Pause"));
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  expect(askedFor("PATCH /exits/users/{user}").map((one) => one.body)).toEqual([{ is_paused: true }, { is_paused: false }]);
});
