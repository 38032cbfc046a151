"""How soon a datagram is sent again, by what was measured."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.turn.acquaintance import (
    FIRST_RTO,
    LEAST_RTO,
    MOST_RTO,
    PATIENCE_SECONDS,
    STALE_SECONDS,
    STEP_LIMIT,
    Acquaintance,
)
from zerogo.turn.client import CHECK_SECONDS

ANSWERS = st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 10.0), st.floats(0.0, 1e3)), max_size=20)
"""Sends, round trip, and seconds since the answer before."""


class AcquaintanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.known = Acquaintance()

    def measure(self, rtt: float, times: int = 1, now: float = 0.0) -> float:
        for _ in range(times):
            self.known.answered(1, rtt, now)
        return round(self.known.rto(now), 6)

    def test_it_follows_the_round_trip_within_bounds(self) -> None:
        self.assertEqual(self.known.rto(0.0), FIRST_RTO)
        self.assertAlmostEqual(self.measure(0.04), 0.12)
        self.assertAlmostEqual(self.measure(0.04, 30), 0.08, places=3)
        self.assertEqual(self.measure(0.002, 60), LEAST_RTO)
        self.assertEqual(self.measure(3.0, 60), MOST_RTO)

    def test_one_late_answer_raises_it(self) -> None:
        steady = self.measure(0.04, 30)
        self.assertGreater(self.measure(0.2), 2 * steady)

    def test_a_way_that_has_become_longer_is_measured_after_some_doublings(self) -> None:
        """Answers that come after the second send prove nothing until the patience is long enough for them."""
        self.measure(0.01, 30)
        asked = 0
        while self.known.rto(0.0) <= 0.3:
            self.known.answered(2, 0.3, 0.0)
            asked += 1
        self.assertLess(asked, 5)
        self.known.answered(1, 0.3, 0.0)
        self.assertGreater(self.known.rto(0.0), 0.3)

    def test_what_was_measured_long_ago_counts_no_more(self) -> None:
        self.measure(0.04)
        self.assertAlmostEqual(self.known.rto(STALE_SECONDS), 0.12)
        self.assertEqual(self.known.rto(STALE_SECONDS + 1.0), FIRST_RTO)
        self.assertAlmostEqual(self.measure(0.1, now=STALE_SECONDS + 1.0), 0.3)

    def test_the_schedule_doubles(self) -> None:
        self.assertEqual(self.rounded(PATIENCE_SECONDS), [0.2, 0.4, 0.8, 1.6, 1.6])
        self.measure(0.001)
        self.assertEqual(self.rounded(PATIENCE_SECONDS), [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 1.45])

    def rounded(self, patience: float) -> list[float]:
        return [round(each, 6) for each in self.known.schedule(patience, 0.0)]

    def test_a_check_is_sent_four_times_at_least(self) -> None:
        self.measure(0.001)
        self.assertEqual(self.rounded_check(), [0.05, 0.1, 0.2, 0.3, 0.3, 0.25])
        self.measure(0.5, 30)
        self.known.answered(2, 0.5, 0.0)
        self.assertEqual(self.rounded_check(), [0.3, 0.3, 0.3, 0.3])

    def test_doublings_do_not_slow_a_check(self) -> None:
        self.measure(0.04, 30)
        before = self.rounded_check()
        for _ in range(3):
            self.known.answered(2, 0.2, 0.0)
        self.assertEqual(self.rounded_check(), before)

    def rounded_check(self) -> list[float]:
        return [round(each, 6) for each in self.known.check_schedule(CHECK_SECONDS, 0.0)]

    def after(self, answers: list[tuple[int, float, float]]) -> float:
        now = 0.0
        for sends, rtt, later in answers:
            now += later
            self.known.answered(sends, rtt, now)
        return now

    @settings(deadline=None, max_examples=200)
    @given(ANSWERS)
    def test_a_check_survives_two_losses_whatever_was_measured(self, answers: list[tuple[int, float, float]]) -> None:
        """The third send has half the patience before it at most, and so the other half for its answer."""
        self.known = Acquaintance()
        schedule = self.known.check_schedule(CHECK_SECONDS, self.after(answers))
        self.assertAlmostEqual(sum(schedule), CHECK_SECONDS)
        self.assertGreaterEqual(min(schedule), LEAST_RTO)
        self.assertGreaterEqual(len(schedule), 3)
        self.assertLessEqual(sum(schedule[:2]), CHECK_SECONDS / 2)

    @settings(deadline=None, max_examples=200)
    @given(ANSWERS)
    def test_the_patience_is_the_same_whatever_was_measured(self, answers: list[tuple[int, float, float]]) -> None:
        self.known = Acquaintance()
        schedule = self.known.schedule(PATIENCE_SECONDS, self.after(answers))
        self.assertAlmostEqual(sum(schedule), PATIENCE_SECONDS)
        self.assertGreaterEqual(min(schedule), LEAST_RTO)
        self.assertLessEqual(schedule[0], MOST_RTO)
        self.assertGreaterEqual(len(schedule), 2)
        self.assertLessEqual(max(schedule), STEP_LIMIT + LEAST_RTO)
