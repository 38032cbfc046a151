"""The simulator tells policies apart, and the default is the one that its figures speak for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.choose import Policy
from zerogo.testing.exit_sim import gini, simulate


class ExitSimTests(SynchronousTestCase):
    def test_the_default_opens_sooner_than_chance_and_loads_more_evenly_than_the_nearest(self) -> None:
        found = {
            policy: simulate(policy, 3, edges=100, streams=1500)
            for policy in (Policy.P2C_PEAK_EWMA, Policy.RANDOM, Policy.LOWEST_RTT)
        }
        best, chance, nearest = found.values()
        self.assertLess(best.p50, chance.p50)
        self.assertLess(best.p99, chance.p99)
        self.assertLess(best.retried, chance.retried)
        self.assertLess(best.gini, nearest.gini)
        self.assertGreater(best.success, 0.999)

    def test_a_seed_replays(self) -> None:
        first, second = (simulate(Policy.RANDOM, 9, edges=50, streams=500) for _ in range(2))
        self.assertEqual(first, second)

    def test_gini(self) -> None:
        self.assertEqual(gini([5, 5, 5, 5]), 0.0)
        self.assertAlmostEqual(gini([0, 0, 0, 8]), 0.75)
        self.assertEqual(gini([]), 0.0)
