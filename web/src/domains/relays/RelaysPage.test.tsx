import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Link } from "@/api/links";
import { network, NETWORK, page } from "@/test/documents";
import { answering, loggedInAs } from "@/test/fakeApi";
import { renderPage } from "@/test/renderPage";
import RelaysPage from "./RelaysPage";

const link = (a: string, b: string, relay: string): Link => ({
  network_id: NETWORK,
  a,
  b,
  path: relay ? "relay" : "direct",
  via: [],
  relay,
  rtt_ms: 20,
  jitter_ms: null,
  loss: 0,
  received_bytes_per_second: 1000,
  sent_bytes_per_second: 250,
  mtu: 1400,
  cipher: "",
  since: null,
  handshake_at: null,
  reason: "",
  why: "",
  score: null,
  reported_by: a,
  reported_at: "2026-01-01T00:00:00Z",
  ends: { a: null, b: null },
});

test("each relay says how it is reached and what it carries", async () => {
  loggedInAs("auditor");
  answering({
    "GET /networks": () => page([network()]),
    "GET /networks/{network}/links": () => page([link("a", "b", "fra"), link("a", "c", "fra"), link("b", "c", "")]),
    "GET /relays": () =>
      page([
        { id: "fra", host: "relay.example.net", udp: 3478, tcp: 0, tls: 443 },
        { id: "controller", host: "", udp: 3478, tcp: 3478, tls: 0 },
      ]),
  });
  await renderPage(<RelaysPage />, "/relays", "/relays");
  const row = (await screen.findByText("relay.example.net")).closest("tr") as HTMLElement;
  expect(await within(row).findByText("2 links")).toBeVisible();
  expect(within(row).getByText("20 kbit/s")).toBeVisible();
  expect(within(row).queryByText("TCP")).toBeNull();
  expect(screen.getByText("on the controller's machine")).toBeVisible();
});

test("without a relay, the line that names one is shown", async () => {
  loggedInAs("auditor");
  answering({ "GET /networks": () => page([]), "GET /relays": () => page([]) });
  await renderPage(<RelaysPage />, "/relays", "/relays");
  expect(await screen.findByText(/auth-secret/)).toBeVisible();
});
