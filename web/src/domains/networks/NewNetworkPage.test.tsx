import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Network } from "@/api/documents";
import { isNetworkSecret } from "@/components/networkSecret";
import { network, page } from "@/test/documents";
import { answering, askedFor, loggedInAs, Refusal } from "@/test/fakeApi";
import { fill, renderPage, user } from "@/test/renderPage";
import NewNetworkPage from "./NewNetworkPage";

const show = () => renderPage(<NewNetworkPage />, "/networks/new", "/networks/new");

test("only a name is needed; a name that is taken stays typed", async () => {
  loggedInAs("admin");
  answering({ "POST /networks": () => new Refusal(409, "conflict", "there is a network 'home' already") });
  await show();
  const name = await screen.findByLabelText("Name");
  fill(name, "home");
  await user.click(screen.getByRole("button", { name: "Make the network" }));
  expect(await screen.findByText(/there is a network 'home' already/)).toBeVisible();
  expect(name).toHaveValue("home");
  answering({ "POST /networks": ({ body }) => network(body as Partial<Network>) });
  fill(name, "office");
  await user.click(screen.getByRole("button", { name: "Make the network" }));
  expect(await screen.findByRole("link", { name: "Invite the first machine" })).toBeVisible();
  expect(askedFor("POST /networks")[1]?.body).toMatchObject({ name: "office", ipv4: null, ipv6: null });
});

test("a secret that only members have is made here, shown once, and not sent", async () => {
  loggedInAs("admin");
  answering({
    "GET /networks": () => page([]),
    "POST /networks": ({ body }) => network({ ...(body as Partial<Network>), psk_mode: "end-to-end" }),
  });
  const { container } = await show();
  fill(await screen.findByLabelText("Name"), "office");
  await user.click(screen.getByLabelText(/Only members have it/));
  await user.click(screen.getByRole("button", { name: "Make the network" }));
  await screen.findByText("The network's secret");
  const shown = [...container.querySelectorAll(".code")].map((one) => one.textContent).filter(isNetworkSecret);
  expect(shown).toHaveLength(1);
  expect(JSON.stringify(askedFor("POST /networks")[0]?.body)).not.toContain(shown[0]);
});
