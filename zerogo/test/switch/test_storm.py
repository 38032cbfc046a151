from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.storm import StormBudget


class StormBudgetTests(SynchronousTestCase):
    def test_a_burst_passes_and_then_the_rate(self) -> None:
        budget = StormBudget(100, 1000)
        self.assertTrue(budget.spend(1000, 0.0))
        self.assertFalse(budget.spend(1, 0.0))
        self.assertTrue(budget.spend(100, 1.0))
        self.assertFalse(budget.spend(1, 1.0))

    def test_it_never_holds_more_than_the_burst(self) -> None:
        budget = StormBudget(100, 1000)
        budget.spend(1, 0.0)
        self.assertFalse(budget.spend(1001, 1e6))
        self.assertTrue(budget.spend(1000, 1e6))

    def test_what_is_refused_costs_nothing(self) -> None:
        budget = StormBudget(100, 1000)
        self.assertFalse(budget.spend(2000, 0.0))
        self.assertTrue(budget.spend(1000, 0.0))

    def test_time_that_goes_back_adds_nothing(self) -> None:
        budget = StormBudget(100, 1000)
        budget.spend(1000, 10.0)
        self.assertFalse(budget.spend(1, 5.0))
        self.assertFalse(budget.spend(2, 5.01))
