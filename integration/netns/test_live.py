"""A dashboard on a real controller with real agents: links as they are, and how soon it sees what happened to them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import ClientConnection, connect

from integration.stream import peer_report, wait_until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh

SCENARIO = """
defaults: {link: {delay: 5ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  lima: {nat: port-restricted, hosts: [alice]}
  oslo: {nat: port-restricted, hosts: [bob]}
"""
SEEN_SECONDS = 3.0


class Dashboard:
    """Keeps what was pushed: documents by kind and id."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        snapshot = json.loads(connection.recv(timeout=10))
        assert snapshot["t"] == "snapshot"
        self.members = {each["id"]: each for each in snapshot["members"]}
        self.links = {f"{each['a']}/{each['b']}": each for each in snapshot["links"]}
        self.events: list[dict[str, Any]] = []

    def wait(self, condition: Callable[[], bool], seconds: float) -> float | None:
        """Seconds until it was so; None: it was not."""
        begin = time.monotonic()
        while not condition():
            left = begin + seconds - time.monotonic()
            if left <= 0:
                return None
            with contextlib.suppress(TimeoutError):
                for change in json.loads(self._connection.recv(timeout=left))["changes"]:
                    self._take(change)
        return time.monotonic() - begin

    def _take(self, change: dict[str, Any]) -> None:
        kinds: dict[str, dict[str, Any]] = {"member": self.members, "link": self.links}
        if change["kind"] == "event":
            self.events.append(change["value"])
        elif change["value"] is None:
            kinds.get(change["kind"], {}).pop(change["id"], None)
        else:
            kinds.get(change["kind"], {})[change["id"]] = change["value"]

    def link(self) -> dict[str, Any]:
        """The one link there is; empty where it is not shown."""
        return next(iter(self.links.values()), {})

    def is_online(self, name: str) -> bool:
        """Whether the member is connected to the controller."""
        return any(each["name"] == name and each["is_online"] for each in self.members.values())


class LiveTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    @contextlib.contextmanager
    def dashboard(self, lab: Lab, mesh: Mesh) -> Iterator[Dashboard]:
        """One that looks, from the controller's own machine."""
        ticket = mesh.owner_api().request("POST", "/websocket-tickets")["ticket"]
        carrier = lab.socket("server", socket.AF_INET, socket.SOCK_STREAM)
        carrier.connect(("127.0.0.1", 9394))
        url = f"ws://127.0.0.1:9394/api/v1/live?ticket={ticket}"
        with connect(url, sock=carrier, max_size=2**24) as connection:
            yield Dashboard(connection)

    def test_what_happens_to_a_link_is_seen_at_once(self) -> None:
        with Lab(parse_scenario(SCENARIO, name="live", file="live")) as lab:
            mesh = Mesh(lab)
            self.addCleanup(mesh.close)
            mesh.start_all()
            self.assertTrue(wait_until(lambda: self.is_direct(mesh), 60.0))
            with self.dashboard(lab, mesh) as seen:
                self.assertIsNotNone(seen.wait(lambda: seen.link().get("path") == "direct", 20.0))
                self.see_figures(seen)
                self.see_a_kill(mesh, seen)
                self.see_a_cut(lab, seen)

    def is_direct(self, mesh: Mesh) -> bool:
        report = peer_report(mesh, "alice", "bob")
        return report is not None and report.path is not None and report.path.kind == "direct"

    def see_figures(self, seen: Dashboard) -> None:
        """Both ends say what they measure, within what it takes to measure it."""
        took = seen.wait(lambda: all((seen.link()["ends"][end] or {}).get("rtt_ms") for end in "ab"), 20.0)
        self.assertIsNotNone(took)
        self.assertIsNotNone(seen.wait(lambda: seen.link()["mtu"] > 1200, 20.0), "the search for the path's MTU")
        link = seen.link()
        self.assertGreater(link["rtt_ms"], 15.0)
        self.assertIn(link["cipher"], ("AESGCM", "ChaChaPoly"))
        self.assertIn("is reached directly", link["why"])

    def see_a_kill(self, mesh: Mesh, seen: Dashboard) -> None:
        """kill -9: offline and without links within three seconds; and back when it is started again."""
        begin = time.monotonic()
        mesh.kill("bob", None)
        self.assertIsNotNone(seen.wait(lambda: not seen.is_online("bob") and not seen.links, 10.0))
        took = time.monotonic() - begin
        print(f"a killed agent was seen after {took:.2f} s")
        self.assertLess(took, SEEN_SECONDS)
        # Its peer still counts what came before, and that does not bring the link back.
        self.assertIsNone(seen.wait(lambda: bool(seen.links), 5.0))
        mesh.start("bob", None)
        self.assertIsNotNone(seen.wait(lambda: seen.link().get("path") == "direct", 60.0))

    def see_a_cut(self, lab: Lab, seen: Dashboard) -> None:
        """A line is cut: the other end tells that the path died, long before TCP notices."""
        begin = time.monotonic()
        lab.cut("oslo")
        self.assertIsNotNone(seen.wait(lambda: seen.link().get("path") != "direct", 30.0))
        print(f"a cut line was seen after {time.monotonic() - begin:.2f} s")
        lab.heal("oslo")
