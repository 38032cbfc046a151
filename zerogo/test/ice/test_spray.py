"""Which ports are tried, how fast, and how many at most."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.prediction import FIRST_PORT, LAST_PORT, PortWindow
from zerogo.ice.spray import (
    BUDGET_ADDRESSES_LIMIT,
    BUDGET_PROBES,
    BUDGET_PROBES_PER_ADDRESS,
    BUDGET_SECONDS,
    NARROW_PORTS,
    NARROW_ROUNDS,
    PROBES_LIMIT,
    ProbeBudget,
    Spray,
)


def spray(low: int, high: int, start: int = 12345) -> Spray:
    """One that began at 0."""
    return Spray(PortWindow(number=1, host="192.0.2.7", low=low, high=high, sockets=8), start, 0.0)


def ports_of(one: Spray, until: float = 10.0, step: float = 0.001) -> list[int]:
    """What it tries in that time."""
    ports = []
    for moment in range(round(until / step)):
        ports += [address.port for address in one.take_due(moment * step)]
    return ports


class SprayTests(SynchronousTestCase):
    """One window."""

    def test_a_narrow_window_is_tried_upwards_several_times(self) -> None:
        self.assertEqual(ports_of(spray(20000, 20019)), list(range(20000, 20020)) * NARROW_ROUNDS)

    def test_a_wide_window_is_tried_without_a_pattern_and_each_port_at_most_once(self) -> None:
        ports = ports_of(spray(FIRST_PORT, LAST_PORT))
        self.assertEqual((len(ports), len({*ports})), (PROBES_LIMIT, PROBES_LIMIT))
        self.assertTrue(max(ports) - min(ports) > 60_000)

    def test_a_thousand_a_second_and_no_more(self) -> None:
        one = spray(FIRST_PORT, LAST_PORT)
        self.assertTrue(980 <= len(ports_of(one, 1.0)) <= 1004)

    def test_it_ends_where_time_is_over_although_it_was_not_served(self) -> None:
        one = spray(FIRST_PORT, LAST_PORT)
        list(one.take_due(0.0))
        list(one.take_due(100.0))
        self.assertTrue(one.is_over)
        self.assertIsNone(one.next_at())

    @given(st.integers(FIRST_PORT, LAST_PORT), st.integers(0, 3000), st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=100)
    def test_only_ports_of_the_window_are_tried_and_all_where_there_are_few(
        self, low: int, more: int, start: int
    ) -> None:
        one = spray(low, min(low + more, LAST_PORT), start)
        size = one.window.size
        ports = ports_of(one, 4.0, 0.05)
        self.assertTrue(all(one.window.low <= port <= one.window.high for port in ports))
        expected = size * NARROW_ROUNDS if size <= NARROW_PORTS else min(size, PROBES_LIMIT)
        self.assertEqual(len(ports), expected)
        self.assertEqual(len({*ports}), min(size, PROBES_LIMIT))


class BudgetTests(SynchronousTestCase):
    """What bounds a liar."""

    def test_an_address_gets_so_many_a_minute(self) -> None:
        budget = ProbeBudget()
        self.assertEqual(budget.take("192.0.2.1", PROBES_LIMIT, 0.0), PROBES_LIMIT)
        self.assertEqual(budget.take("192.0.2.1", PROBES_LIMIT, 1.0), BUDGET_PROBES_PER_ADDRESS - PROBES_LIMIT)
        self.assertEqual(budget.take("192.0.2.1", PROBES_LIMIT, 2.0), 0)
        self.assertEqual(budget.take("192.0.2.1", PROBES_LIMIT, BUDGET_SECONDS + 0.5), PROBES_LIMIT)

    def test_all_addresses_together_get_so_many(self) -> None:
        budget = ProbeBudget()
        granted = sum(budget.take(f"192.0.2.{number}", PROBES_LIMIT, 0.0) for number in range(50))
        self.assertEqual(granted, BUDGET_PROBES)

    def test_what_was_not_sent_is_given_back(self) -> None:
        budget = ProbeBudget()
        budget.take("192.0.2.1", BUDGET_PROBES_PER_ADDRESS, 0.0)
        budget.give_back("192.0.2.1", 100)
        self.assertEqual(budget.take("192.0.2.1", 500, 1.0), 100)
        budget.give_back("192.0.2.2", 5)

    def test_many_addresses_are_not_remembered(self) -> None:
        budget = ProbeBudget()
        granted = [budget.take(f"192.0.2.{number}", 1, 0.0) for number in range(2 * BUDGET_ADDRESSES_LIMIT)]
        self.assertEqual(sum(granted), BUDGET_ADDRESSES_LIMIT)
