"""Pairs that only a relay joins, or an open TCP port, in the lab: hopeless NATs, and sites without UDP. The tables of
pairs are printed."""

from __future__ import annotations

import os

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.loader import load_scenario
from zerogo.lab.report import pair_table
from zerogo.lab.run import run_scenario


class Quiet:
    """A spectator who says nothing."""

    def phase(self, text: str) -> None: ...

    def update(self, pairs: object) -> None: ...


class RelayedTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def run_whole(self, name: str) -> None:
        result = run_scenario(load_scenario(name), Quiet())
        console = Console(width=140)
        console.print("\n" + name, pair_table(result.pairs, console.width))
        self.assertTrue(result.passed, [f"{check.check}: {check.sentence}" for check in result.checks])

    def test_two_symmetric_nats_meet_at_the_relay(self) -> None:
        self.run_whole("hopeless")

    def test_sites_without_udp_reach_the_relay_by_a_stream(self) -> None:
        self.run_whole("udp-blocked")

    def test_a_site_without_udp_and_relays_reaches_an_open_tcp_port(self) -> None:
        self.run_whole("open-port")
