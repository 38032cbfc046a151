"""Every machine restarts while the controller is down, and the mesh forms from what they keep on disk."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.loader import load_scenario
from zerogo.lab.run import run_scenario


class Quiet:
    """A spectator who says nothing."""

    def phase(self, text: str) -> None: ...

    def update(self, pairs: object) -> None: ...


class RebootTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def test_the_mesh_forms_without_the_controller(self) -> None:
        result = run_scenario(load_scenario("reboot"), Quiet())
        self.assertTrue(result.passed, [f"{check.check}: {check.sentence}" for check in result.checks])
        for pair in result.pairs:
            self.assertEqual(pair.path, "direct", pair.pair)
