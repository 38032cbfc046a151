"""Links that come and go are held back, and forgiven."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.damping import LONGEST_PROOF_SECONDS, PATHS_REMEMBERED, PROOF_SECONDS, Damping


class DampingTests(SynchronousTestCase):
    """What may change, and when."""

    def setUp(self) -> None:
        self.damping: Damping[str] = Damping()

    def flap(self, now: float) -> None:
        """Return to `direct`, which fails a second later."""
        self.damping.taken("direct", now, is_better=True)
        self.damping.failed("direct", now + 1)

    def test_a_link_that_failed_once_needs_no_proof(self) -> None:
        self.damping.taken("direct", -1.0, is_better=False)
        self.damping.failed("direct", 0.0)
        self.assertEqual(self.damping.proof_seconds("direct"), 0.0)

    def test_a_third_change_in_a_minute_waits(self) -> None:
        self.damping.taken("b", 0.0, is_better=True)
        self.assertEqual(self.damping.allowed_at(), float("-inf"))
        self.damping.taken("a", 10.0, is_better=True)
        self.assertEqual(self.damping.allowed_at(), 60.0)

    def test_one_that_failed_soon_after_the_return_needs_longer_proof_each_time(self) -> None:
        proof = PROOF_SECONDS
        for number in range(6):
            self.flap(number * 1000.0)
            self.assertEqual(self.damping.proof_seconds("direct"), proof)
            proof = min(4 * proof, LONGEST_PROOF_SECONDS)

    def test_one_that_failed_twice_in_ten_minutes_needs_a_minute_of_proof_though_it_did_not_flap(self) -> None:
        self.damping.failed("direct", 0.0)
        self.damping.taken("direct", 5.0, is_better=True)
        self.damping.failed("direct", 105.0)
        self.assertEqual(self.damping.proof_seconds("direct"), PROOF_SECONDS)
        self.damping.taken("direct", 170.0, is_better=True)
        self.damping.failed("direct", 705.0)
        self.assertEqual(self.damping.proof_seconds("direct"), 0.0)

    def test_one_that_is_taken_for_want_of_another_and_fails_at_once_has_failed_once(self) -> None:
        for moment in (0.0, 0.6):
            self.damping.taken("direct", moment - 0.5, is_better=False)
            self.damping.failed("direct", moment)
        self.assertEqual(self.damping.proof_seconds("direct"), 0.0)
        self.damping.taken("direct", 3.0, is_better=False)
        self.damping.failed("direct", 6.0)
        self.assertEqual(self.damping.proof_seconds("direct"), PROOF_SECONDS)

    def test_one_that_fails_on_and_on_for_want_of_another_fails_often(self) -> None:
        for moment in (0.0, 2.0, 4.0):
            self.damping.taken("direct", moment - 0.5, is_better=False)
            self.damping.failed("direct", moment)
        self.assertEqual(self.damping.proof_seconds("direct"), PROOF_SECONDS)

    def test_ten_good_minutes_are_forgiveness(self) -> None:
        self.flap(0.0)
        self.flap(61.0)
        self.damping.taken("direct", 300.0, is_better=True)
        self.damping.failed("direct", 1000.0)
        self.flap(1010.0)
        self.assertEqual(self.damping.proof_seconds("direct"), PROOF_SECONDS)

    def test_it_forgets_the_oldest(self) -> None:
        self.flap(0.0)
        for number in range(PATHS_REMEMBERED):
            self.damping.taken(f"path {number}", 100.0, is_better=False)
        self.assertEqual(self.damping.proof_seconds("direct"), 0.0)
