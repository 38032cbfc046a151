import { screen, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { network, NETWORK, page } from "@/test/documents";
import { answering, loggedInAs } from "@/test/fakeApi";
import { renderPage, user } from "@/test/renderPage";
import type { Lock, LockedMember } from "./lock";
import { keyText } from "./lock";
import LockPage from "./LockPage";

const KEY = btoa("\0".repeat(32));

const locked = (about: Partial<LockedMember> = {}): LockedMember => ({
  id: "aaaabbbbccccdddd",
  name: "laptop",
  state: "approved",
  static_public: KEY,
  signing_public: KEY,
  is_signed: true,
  fingerprint: "abcd efgh ijkl mnop qrst uvwx yz23 4567",
  ...about,
});

let lock: Lock;
let members: LockedMember[];

beforeEach(() => {
  lock = { key: KEY, end: null, is_locked: true };
  members = [locked()];
  loggedInAs("admin");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/lock": () => lock,
    "GET /networks/{network}/lock/members": () => page(members),
  });
});

const show = () => renderPage(<LockPage />, "/n/:network/lock", `/n/${NETWORK}/lock`);

test("a network without a lock says what one is good for, and the browser asks for no key", async () => {
  lock = { key: null, end: null, is_locked: false };
  await show();
  expect(await screen.findByText(`zerogo lock init --network ${NETWORK}`)).toBeVisible();
  expect(screen.getByText(/^zerogo login '/)).toBeVisible();
  expect(document.querySelector("input, textarea")).toBeNull();
});

test("who is not signed is told with a command that holds no name", async () => {
  members = [
    locked(),
    locked({ id: "eeeeffffgggghhhh", name: "new; rm -rf ~", is_signed: false, fingerprint: "2222 3333" }),
    locked({ id: "iiiijjjjkkkkllll", name: "waits", state: "pending", is_signed: false }),
  ];
  await show();
  expect(await screen.findByText(`zerogo lock sign --network ${NETWORK} eeeeffffgggghhhh`)).toBeVisible();
  expect(screen.getByRole("heading", { name: "One member is not signed" })).toBeVisible();
  expect(screen.getByText("1 of 2")).toBeVisible();
  await user.click(screen.getByText("Not signed (1)"));
  const table = screen.getByRole("table");
  expect(within(table).getByText("new; rm -rf ~")).toBeVisible();
  expect(within(table).queryByText("laptop")).toBeNull();
});

test("where all are signed, there is nothing to do, and the key is as agents show it", async () => {
  await show();
  expect(await screen.findByText("1 of 1")).toBeVisible();
  expect(screen.queryByText(/zerogo lock sign/)).toBeNull();
  expect(screen.getByText(keyText(KEY))).toBeVisible();
  expect(keyText(KEY)).toBe("a".repeat(52));
});
