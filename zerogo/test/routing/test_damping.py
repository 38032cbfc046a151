"""Links that come and go are held back, and forgiven."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.damping import HOLD_SECONDS, LONGEST_HOLD_SECONDS, PATHS_REMEMBERED, Damping


class DampingTests(SynchronousTestCase):
    """What may change, and when."""

    def setUp(self) -> None:
        self.damping: Damping[str] = Damping()

    def flap(self, now: float) -> None:
        """Return to `direct`, which dies a second later."""
        self.damping.taken("direct", now, is_better=True)
        self.damping.left_dead("direct", now + 1)

    def test_a_link_that_failed_once_is_not_held_back(self) -> None:
        self.damping.taken("direct", -1.0, is_better=False)
        self.damping.left_dead("direct", 0.0)
        self.assertTrue(self.damping.may_change_to("direct", 3.0))

    def test_a_third_change_in_a_minute_waits(self) -> None:
        self.damping.taken("b", 0.0, is_better=True)
        self.damping.taken("a", 10.0, is_better=True)
        self.assertFalse(self.damping.may_change_to("b", 59.0))
        self.assertTrue(self.damping.may_change_to("b", 60.0))

    def test_one_that_died_soon_after_the_return_is_held_back_longer_each_time(self) -> None:
        now, hold = 0.0, HOLD_SECONDS
        for _ in range(6):
            self.flap(now)
            self.assertFalse(self.damping.may_change_to("direct", now + hold))
            self.assertTrue(self.damping.may_change_to("direct", now + hold + 1))
            now += hold + 1
            hold = min(2 * hold, LONGEST_HOLD_SECONDS)

    def test_ten_good_minutes_are_forgiveness(self) -> None:
        self.flap(0.0)
        self.flap(61.0)
        self.damping.taken("direct", 300.0, is_better=True)
        self.damping.left_dead("direct", 1000.0)
        self.flap(1010.0)
        self.assertTrue(self.damping.may_change_to("direct", 1011.0 + HOLD_SECONDS))

    def test_it_forgets_the_oldest(self) -> None:
        self.flap(0.0)
        for number in range(PATHS_REMEMBERED):
            self.damping.taken(f"path {number}", 100.0, is_better=False)
        self.assertEqual(self.damping.allowed_at("direct"), float("-inf"))
