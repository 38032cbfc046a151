"""`zerogo lab`, as far as it goes without root; runs are tested in namespaces."""

from __future__ import annotations

import os
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.lab import lab
from zerogo.lab import laboratory
from zerogo.lab.errors import LabFault, ScenarioError
from zerogo.lab.loader import shipped_scenarios


class LabCommandTests(SynchronousTestCase):
    def test_list_names_and_describes_the_shipped_scenarios(self) -> None:
        done = CliRunner().invoke(lab, ["list"])
        self.assertEqual(done.exit_code, 0)
        self.assertEqual([line.split()[0] for line in done.output.splitlines()], shipped_scenarios())

    def test_wrong_scenario_is_told_before_root_is_asked_for(self) -> None:
        path = Path(self.mktemp())
        path.write_text("sites: {a: {nat: symetric}}")
        self.patch(os, "geteuid", lambda: 1000)
        done = CliRunner().invoke(lab, ["run", str(path)])
        self.assertIsInstance(done.exception, ScenarioError)
        self.assertIn("sites.a.nat", str(done.exception))

    def test_without_root_one_sentence_says_what_is_missing(self) -> None:
        self.patch(os, "geteuid", lambda: 1000)
        for arguments in (["run", "demo"], ["clean"], ["shell", "alice"]):
            done = CliRunner().invoke(lab, arguments)
            self.assertIsInstance(done.exception, LabFault)
            self.assertIn("needs root", str(done.exception))

    def test_root_without_tun_is_told_so(self) -> None:
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os.path, "exists", lambda path: False)
        self.assertIn("/dev/net/tun", str(self.assertRaises(LabFault, laboratory.require_root)))
