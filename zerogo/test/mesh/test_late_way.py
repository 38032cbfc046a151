"""When urgent datagrams go a third time, and by which path."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh.late_way import HELD_FOR_SECONDS, LateWay, expected_loss
from zerogo.mesh.measure import FATES_REMEMBERED
from zerogo.mesh.path import Path
from zerogo.test.mesh.test_choice import path


def lossy(number: int, lost: int) -> Path:
    """A path of whose last probes so many were lost."""
    made = path(number, 0.02)
    for at in range(FATES_REMEMBERED):
        if at < lost:
            made.measurement.lost()
        else:
            made.measurement.answered(0.02, float(at))
    return made


class LateWayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.late = LateWay()

    def test_what_two_copies_make_up_for_needs_no_third(self) -> None:
        for one, other in ((0, 16), (16, 0), (1, 1)):
            self.assertIsNone(self.late.choose(lossy(1, one), lossy(2, other), 0.0))

    def test_two_lossy_paths_want_one_by_the_less_lossy_and_of_equals_by_the_twin(self) -> None:
        for one, other, expected in ((3, 2, 2), (2, 3, 1), (2, 2, 2)):
            active, twin = lossy(1, one), lossy(2, other)
            self.assertIs((active, twin)[expected - 1], LateWay().choose(active, twin, 0.0))

    def test_a_lossy_path_alone_wants_one_and_one_that_lost_a_single_probe_does_not(self) -> None:
        active = lossy(1, 2)
        self.assertIs(active, self.late.choose(active, None, 0.0))
        self.assertIsNone(LateWay().choose(lossy(1, 1), None, 0.0))

    def test_it_stays_for_a_while_on_the_path_it_has_and_then_ends(self) -> None:
        active, twin = lossy(1, 3), lossy(2, 2)
        self.late.choose(active, twin, 10.0)
        for _ in range(FATES_REMEMBERED):
            active.measurement.answered(0.02, 11.0)
        last = 10.0 + HELD_FOR_SECONDS - 0.1
        self.assertIs(twin, self.late.choose(active, twin, last))
        self.assertIsNone(self.late.choose(active, twin, last + 0.2))

    def test_it_leaves_a_path_that_carries_no_copies_any_more(self) -> None:
        active, twin, third = lossy(1, 3), lossy(2, 2), lossy(3, 0)
        self.late.choose(active, twin, 10.0)
        self.assertIs(third, self.late.choose(active, third, 11.0))

    def test_losses_of_both_multiply(self) -> None:
        self.assertAlmostEqual(1 / 64, expected_loss(lossy(1, 4), lossy(2, 4)))
