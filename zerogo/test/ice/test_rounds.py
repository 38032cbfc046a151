"""When everything that failed is tried again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.rounds import LATE_SECONDS, Rounds


class RoundsTests(SynchronousTestCase):
    def test_both_sides_agree_but_for_who_is_late(self) -> None:
        a, b = Rounds("aaaa", "bbbb"), Rounds("bbbb", "aaaa")
        self.assertEqual(a.offset(0, True), b.offset(0, False))
        for number in range(1, 50):
            late = a.offset(number, True) - b.offset(number, False)
            self.assertAlmostEqual(late, LATE_SECONDS if number % 2 == 0 else -LATE_SECONDS)

    def test_first_rounds_come_soon_and_the_others_every_five_minutes(self) -> None:
        for name in ("aaaa", "cccc", "dddd", "eeee"):
            offsets = [Rounds(name, "bbbb").offset(number, True) for number in range(40)]
            self.assertEqual(offsets[0], 0.0)
            for found, expected in zip(offsets[1:4], (5.0, 15.0, 60.0), strict=True):
                self.assertTrue(expected * 0.8 <= found <= expected * 1.2 + LATE_SECONDS)
            for number, found in enumerate(offsets[4:], 1):
                self.assertTrue(abs(found - 60.0 - 300.0 * number) <= 60.0 + LATE_SECONDS)
            self.assertEqual(offsets, sorted(offsets))

    def test_pairs_of_nodes_do_not_try_at_the_same_instant(self) -> None:
        offsets = {Rounds(f"{number:04}", "bbbb").offset(3, False) for number in range(20)}
        self.assertEqual(len(offsets), 20)
