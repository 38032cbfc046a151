"""Routes in the lab: a member in the middle carries, paths die and come back, and who breaks a promise is left."""

from __future__ import annotations

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from integration.stream import Stream, peer_report, wait_until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import load_scenario, parse_scenario
from zerogo.lab.result import PairResult
from zerogo.lab.roles import Mesh
from zerogo.lab.run import run_scenario

LYING = """
defaults: {link: {delay: 5ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller]}}}
  lima: {nat: open, hosts: [alice]}
  oslo: {nat: open, hosts: [bob]}
  bern: {nat: open, hosts: [dave]}
  rome: {nat: open, hosts: [carol]}
paths:
  - {between: [lima, rome], link: {loss: 100%}}
"""
DROP_LARGE = """
table inet liar {
  chain output { type filter hook output priority 0; ip daddr DESTINATION udp length > 110 drop; }
}
"""
"""What is carried on has 64 bytes more than what its carrier says: probes pass, and nothing that it promised to."""

MANY = 500
"""Datagrams, 10 ms apart: by then both ways are known, and measured."""


class Quiet:
    """A spectator who says nothing."""

    def phase(self, text: str) -> None: ...

    def update(self, pairs: object) -> None: ...


class RoutingTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def run_whole(self, name: str) -> dict[tuple[str, str], PairResult]:
        result = run_scenario(load_scenario(name), Quiet())
        self.assertTrue(result.passed, [f"{check.check}: {check.sentence}" for check in result.checks])
        return {pair.pair: pair for pair in result.pairs}

    def test_the_one_in_the_middle_carries_and_sees_ciphertext(self) -> None:
        self.assertEqual(self.run_whole("line")[("alice", "carol")].path, "peer")

    def test_paths_die_one_after_the_other_and_come_back(self) -> None:
        self.run_whole("failover")

    def test_who_promises_to_carry_and_drops_is_left_and_named(self) -> None:
        with Lab(parse_scenario(LYING, name="lying-relay", file="lying-relay")) as lab:
            mesh = Mesh(lab)
            self.addCleanup(mesh.close)
            mesh.start_all()
            self.assertTrue(wait_until(lambda: self.carrier(mesh) in ("bob", "dave"), 60.0))
            with Stream(lab, mesh, "alice", "carol") as stream:
                self.assertTrue(wait_until(lambda: len(stream.received) >= MANY, 30.0), "nothing arrives")
                liar, since = self.carrier(mesh), time.time()
                lab.run(liar, ["nft", "-f", "-"], DROP_LARGE.replace("DESTINATION", lab.host("carol").addresses[0]))
                self.assertTrue(
                    wait_until(lambda: self.carrier(mesh) not in ("", liar), 30.0), "the liar carries still"
                )
                moved = time.time()
                self.assertTrue(
                    wait_until(lambda: any(at > moved for at in list(stream.received.values())), 10.0),
                    "nothing arrives",
                )
                last = max((at for at in list(stream.received.values()) if since <= at <= moved), default=moved)
                silence = stream.silence(since, last)
                print(f"silence: {silence:.3f} s")
                self.assertLess(silence, 10.0)

    def carrier(self, mesh: Mesh) -> str:
        """Who carries from alice to carol; empty where nobody does."""
        report = peer_report(mesh, "alice", "carol")
        if report is None or report.path is None or report.path.kind != "peer":
            return ""
        first = report.path.address.split(" > ")[0]
        carriers = [peer_report(mesh, "alice", name) for name in ("bob", "dave")]
        return next((each.name for each in carriers if each is not None and each.node_id == first), "")
