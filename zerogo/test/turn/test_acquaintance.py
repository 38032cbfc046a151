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
        self.assertEqual(self.rounded(1.2), [0.05, 0.1, 0.2, 0.4, 0.45])

    def rounded(self, patience: float) -> list[float]:
        return [round(each, 6) for each in self.known.schedule(patience, 0.0)]

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 10.0), st.floats(0.0, 1e3)), max_size=20),
        st.sampled_from([1.2, PATIENCE_SECONDS]),
    )
    def test_the_patience_is_the_same_whatever_was_measured(
        self, answers: list[tuple[int, float, float]], patience: float
    ) -> None:
        known, now = Acquaintance(), 0.0
        for sends, rtt, later in answers:
            now += later
            known.answered(sends, rtt, now)
        schedule = known.schedule(patience, now)
        self.assertAlmostEqual(sum(schedule), patience)
        self.assertGreaterEqual(min(schedule), LEAST_RTO)
        self.assertLessEqual(schedule[0], MOST_RTO)
        self.assertGreaterEqual(len(schedule), 2)
        self.assertLessEqual(max(schedule), STEP_LIMIT + LEAST_RTO)
