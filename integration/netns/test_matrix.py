"""Real agents behind every kind of NAT: each pair comes to the path that it should, and the table is printed."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.matrix import INTERNETS, run
from zerogo.lab.errors import LabFault


class MatrixTests(SynchronousTestCase):
    """One test for each internet; `python -m integration.netns.matrix` runs them by hand."""

    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def check(self, internet: str) -> None:
        """All pairs of an internet."""
        lines: list[str] = []
        passed = False
        try:
            passed = run(internet, lines.append)
        except LabFault as fault:
            lines.append(str(fault))
        print("\n" + "\n".join(lines))
        self.assertTrue(passed, "\n".join(lines))

    def test_every_kind(self) -> None:
        self.check("single")

    def test_alike_and_double(self) -> None:
        self.check("twice")

    def test_behind_carriers(self) -> None:
        self.check("carriers")

    def test_both_families(self) -> None:
        self.check("both")

    def test_ipv6_only(self) -> None:
        self.check("ipv6")

    def test_no_internet_is_left_out(self) -> None:
        self.assertEqual(list(INTERNETS), ["single", "twice", "carriers", "both", "ipv6"])
