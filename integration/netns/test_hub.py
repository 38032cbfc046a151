"""A server in the middle: members go straight where they can and by the hub where not, or by the hub alone."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.loader import load_scenario
from zerogo.lab.run import run_scenario


class Quiet:
    """A spectator who says nothing."""

    def phase(self, text: str) -> None: ...

    def update(self, pairs: object) -> None: ...


class HubTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def run_whole(self, name: str) -> None:
        result = run_scenario(load_scenario(name), Quiet())
        self.assertTrue(result.passed, [f"{check.check}: {check.sentence}" for check in result.checks])

    def test_with_p2p_the_hub_carries_only_what_cannot_go_straight(self) -> None:
        self.run_whole("hub")

    def test_without_p2p_the_hub_carries_everything(self) -> None:
        self.run_whole("hub-only")
