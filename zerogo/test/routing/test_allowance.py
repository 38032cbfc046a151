"""So much at once, so much in the long run."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.allowance import Allowance


class AllowanceTests(SynchronousTestCase):
    """Bytes, or messages."""

    def test_a_burst_and_then_the_rate(self) -> None:
        allowance = Allowance(rate=10.0, burst=20.0)
        self.assertTrue(allowance.take(20, 5.0))
        self.assertFalse(allowance.take(1, 5.0))
        self.assertAlmostEqual(allowance.wait(5, 5.0), 0.5)
        self.assertFalse(allowance.take(5, 5.4))
        self.assertTrue(allowance.take(5, 5.5))
        self.assertEqual(allowance.wait(1, 50.0), 0.0)

    @given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 30)), max_size=60))
    @settings(deadline=None, max_examples=200)
    def test_never_more_than_burst_and_rate(self, steps: list[tuple[float, float]]) -> None:
        allowance, now, taken = Allowance(rate=10.0, burst=20.0), 0.0, 0.0
        for pause, amount in steps:
            now += pause
            taken += amount if allowance.take(amount, now) else 0.0
        self.assertLessEqual(taken, 20 + 10 * now + 1e-6)
