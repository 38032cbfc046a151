import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { Member } from "@/api/documents";
import { member, network, NETWORK, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { renderPage, user } from "@/test/renderPage";
import RoutesPage from "./RoutesPage";

const DECISION = "POST /networks/{network}/members/{node}/subnets";
let router: Member;

beforeEach(() => {
  router = member({ name: "router", subnets: [{ subnet: "192.168.1.0/24", is_announced: true, is_approved: false }] });
  loggedInAs("operator");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/members": () => page([router]),
    [DECISION]: ({ body }) => {
      const { subnet, is_approved } = body as { subnet: string; is_approved: boolean };
      router = { ...router, subnets: [{ subnet, is_announced: true, is_approved }] };
      return router;
    },
  });
});

const show = () => renderPage(<RoutesPage />, "/n/:network/routes", `/n/${NETWORK}/routes`);
const opener = () => screen.findByRole("switch", { name: /192\.168\.1\.0\/24.*router/ });

test("an announced network is opened at once, and shut only with its consequences named", async () => {
  await show();
  await user.click(await opener());
  await waitFor(async () => expect(await opener()).toBeChecked());
  await user.click(await opener());
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/connections that run through it end/)).toBeVisible();
  await user.click(within(dialog).getByRole("button", { name: "Shut" }));
  await waitFor(async () => expect(await opener()).not.toBeChecked());
  expect(askedFor(DECISION).map((one) => one.body)).toEqual([
    { subnet: "192.168.1.0/24", is_approved: true },
    { subnet: "192.168.1.0/24", is_approved: false },
  ]);
});

test("a switch that was refused is as it was, and the reason is said", async () => {
  answering({ [DECISION]: () => new Refusal(409, "conflict", "192.168.1.0/24 overlaps the members' own addresses") });
  await show();
  await user.click(await opener());
  expect(await screen.findByText(/overlaps the members' own addresses/)).toBeVisible();
  expect(await opener()).not.toBeChecked();
});
