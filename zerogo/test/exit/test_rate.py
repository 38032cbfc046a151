"""A rate holds in the long run, whatever the pieces are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.rate import RateLimit


class RateLimitTests(SynchronousTestCase):
    def test_the_rate_holds_in_the_long_run(self) -> None:
        limit, now = RateLimit(100_000, 0.0), 0.0
        for _ in range(100):
            now += limit.spend(16_384, now)
        self.assertLess(abs(100 * 16_384 / now - 100_000), 5000)

    def test_none_is_without_limit_and_a_change_counts_at_once(self) -> None:
        limit = RateLimit(0, 0.0)
        self.assertEqual(limit.spend(10**9, 0.0), 0.0)
        limit.change(1000, 0.0)
        self.assertGreater(limit.spend(1000, 0.0), 0.9)
