import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { NETWORK } from "@/test/documents";
import { answering, askedFor, loggedInAs } from "@/test/fakeApi";
import { link } from "@/test/links";
import { renderPage, user } from "@/test/renderPage";
import { RelayTestButton, RelayTestNote } from "./RelayTest";

const TEST = "POST /networks/{network}/links/{a}/{b}/relay-test";

beforeEach(() => {
  loggedInAs("operator");
  answering({ [TEST]: () => null });
});

const show = (about: Parameters<typeof link>[2] = {}) => {
  const pair = link("a", "b", about);
  return renderPage(
    <>
      <RelayTestNote link={pair} />
      <RelayTestButton link={pair} />
    </>,
    "/",
    "/",
  );
};

test("a test says what it does first, and can be taken back", async () => {
  await show();
  await user.click(await screen.findByRole("button", { name: "Test the relay" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/nothing changes/)).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Test the relay" }));
  await user.click(await screen.findByRole("button", { name: "Undo" }));
  await waitFor(() => expect(askedFor(TEST).map((one) => one.body)).toEqual([{ seconds: 30 }, { seconds: 0 }]));
  expect(askedFor(TEST)[0]?.path).toEqual({ network: NETWORK, a: "a", b: "b" });
});

test("while it goes on, it is told and can be ended", async () => {
  await show({ path: "relay", reason: "a test of the relay" });
  await user.click(await screen.findByRole("button", { name: "End the test" }));
  await waitFor(() => expect(askedFor(TEST).map((one) => one.body)).toEqual([{ seconds: 0 }]));
  expect(screen.queryByRole("button", { name: "Test the relay" })).toBeNull();
});

test("who may only look is not offered to", async () => {
  loggedInAs("auditor");
  await show({ path: "relay", reason: "a test of the relay" });
  expect(await screen.findByText(/The relay is being tested/)).toBeVisible();
  expect(screen.queryByRole("button")).toBeNull();
});
