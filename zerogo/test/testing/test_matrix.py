"""The matrix of NATs in virtual time, with a share of its seeds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.testing.matrix import PLACES, Cell, Goal, Outcome, Verdict, cells, judge, main

SEEDS = range(16)


class MatrixTests(SynchronousTestCase):
    """One test for each kind of place, against itself and those that come after it in the list."""

    def check(self, one: str) -> None:
        """All cells whose first place is that one."""
        chosen = [cell for cell in cells() if cell.one.name == one]
        self.assertTrue(chosen)
        verdicts = [judge(cell, SEEDS) for cell in chosen]
        self.assertEqual([each.row() for each in verdicts if each.complaint], [])

    def test_open(self) -> None:
        self.check("open")

    def test_full_cone(self) -> None:
        self.check("full-cone")

    def test_address_restricted(self) -> None:
        self.check("addr-restricted")

    def test_port_restricted(self) -> None:
        self.check("port-restricted")

    def test_double_nat(self) -> None:
        self.check("double-nat")

    def test_symmetric_sequential(self) -> None:
        self.check("sym-sequential")

    def test_symmetric_random(self) -> None:
        self.check("sym-random")

    def test_port_block(self) -> None:
        self.check("port-block")

    def test_udp_blocked(self) -> None:
        self.check("udp-blocked")

    def test_ipv6_only(self) -> None:
        self.check("ipv6-only")

    def test_both_families(self) -> None:
        self.check("both-families")

    def test_same_site_and_same_carrier(self) -> None:
        self.check("home")


class VerdictTests(SynchronousTestCase):
    """What a cell is judged by."""

    def verdict(self, goal: Goal, *outcomes: Outcome) -> str:
        """The complaint about some outcomes of a cell with that goal."""
        return Verdict(Cell(PLACES[0], PLACES[0], goal), outcomes).complaint

    def test_one_seed_of_a_plain_pair_that_is_not_direct_is_one_too_many(self) -> None:
        good = [Outcome(seed=seed, seconds=0.1, probes=0) for seed in range(99)]
        bad = Outcome(seed=99, seconds=float("inf"), probes=0, reason="not direct")
        self.assertIn("seed 99: not direct", self.verdict(Goal.PLAIN, *good, bad))
        self.assertEqual(self.verdict(Goal.BIRTHDAY, *good, bad), "")
        self.assertNotEqual(self.verdict(Goal.BIRTHDAY, *good, bad, bad), "")

    def test_a_slow_median_is_a_complaint(self) -> None:
        self.assertIn("median", self.verdict(Goal.PLAIN, *[Outcome(seed=1, seconds=0.9, probes=0)] * 5))

    def test_the_command_prints_a_row_for_each_cell_and_a_sum(self) -> None:
        lines: list[str] = []
        self.assertEqual(main(["--seeds", "1", "--only", "one home"], lines.append), 0)
        self.assertIn("100% 0.15 1.00", lines[1])
        self.assertEqual([line.split()[0] for line in lines], ["pair", "one", "1"])
