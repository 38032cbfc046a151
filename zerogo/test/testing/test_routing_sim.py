"""Two thousand networks that change, against the model; and that the model would notice."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.router import Router
from zerogo.testing.routing_sim import CONVERGE_SECONDS, Outcome, Simulation, run_seeds

SEEDS = 2000
_PARTS = 8


def _part(number: int) -> list[Outcome]:
    return run_seeds(number * SEEDS // _PARTS, SEEDS // _PARTS)


class RoutingSimulationTests(SynchronousTestCase):
    """Every connected pair has a working route in time; no loops, no frame twice."""

    def assert_part(self, number: int) -> None:
        """One part of the seeds."""
        outcomes = _part(number)
        self.assertEqual([failure for outcome in outcomes for failure in outcome.failures], [])
        slowest = max(seconds for outcome in outcomes for seconds in outcome.convergences)
        self.assertLess(slowest, CONVERGE_SECONDS)


def _test(number: int):  # type: ignore[no-untyped-def]
    def test(self: RoutingSimulationTests) -> None:
        self.assert_part(number)

    return test


for _number in range(_PARTS):
    setattr(RoutingSimulationTests, f"test_networks_part_{_number + 1}_of_{_PARTS}", _test(_number))


class SimulatorTests(SynchronousTestCase):
    """The simulator itself."""

    def test_a_seed_repeats_to_the_bit(self) -> None:
        for seed in (1, 24, 121):
            first, second = Simulation(seed).run(), Simulation(seed).run()
            self.assertEqual(first, second)
        self.assertNotEqual(Simulation(1).run().digest, Simulation(2).run().digest)

    def test_it_notices_routers_that_find_nothing(self) -> None:
        with patch.object(Router, "routes", return_value=[]):
            self.assertTrue(any(outcome.failures for outcome in run_seeds(0, 5)))

    def test_it_notices_routers_that_ask_nobody_anew(self) -> None:
        with patch.object(Router, "receive_advert"):
            self.assertTrue(any(outcome.failures for outcome in run_seeds(0, 5)))
