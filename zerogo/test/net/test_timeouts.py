"""Deadlines that are equally far ahead need one delayed call."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.timeouts import Timeouts


class TimeoutsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.due: list[str] = []
        self.timeouts: Timeouts[str] = Timeouts(self.clock, 10.0, self.due.append)

    def test_each_is_due_after_its_own_time_and_one_call_waits_for_all(self) -> None:
        for name in ("a", "b", "c"):
            self.timeouts.add(name)
            self.clock.advance(3)
        self.timeouts.discard("b")
        self.timeouts.discard("nobody")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1)
        self.assertEqual(self.due, ["a"])
        self.clock.advance(5.9)
        self.assertEqual(self.due, ["a"])
        self.clock.advance(0.2)
        self.assertEqual((self.due, self.clock.getDelayedCalls()), (["a", "c"], []))

    def test_what_is_added_again_begins_anew_also_from_within_the_call(self) -> None:
        again: Timeouts[str] = Timeouts(self.clock, 10.0, lambda item: (self.due.append(item), again.add(item)))
        again.add("a")
        self.clock.advance(5)
        again.add("a")
        self.clock.advance(6)
        self.assertEqual(self.due, [])
        self.clock.advance(4)
        self.clock.advance(10)
        self.assertEqual((self.due, len(again)), (["a", "a"], 1))

    def test_what_is_added_from_within_the_call_delays_nothing_else(self) -> None:
        def begin_another(item: str) -> None:
            self.due.append(item)
            if item == "a":
                timeouts.add("c")

        timeouts: Timeouts[str] = Timeouts(self.clock, 10.0, begin_another)
        timeouts.add("a")
        self.clock.advance(1)
        timeouts.add("b")
        self.clock.advance(9)
        self.clock.advance(1)
        self.assertEqual(self.due, ["a", "b"])
        self.clock.advance(9)
        self.assertEqual((self.due, self.clock.getDelayedCalls()), (["a", "b", "c"], []))

    def test_a_bug_in_one_leaves_the_others_their_turn(self) -> None:
        def fail(item: str) -> None:
            self.due.append(item)
            raise ValueError(item)

        failing: Timeouts[str] = Timeouts(self.clock, 1.0, fail)
        failing.add("a")
        failing.add("b")
        self.clock.advance(1)
        self.assertEqual((self.due, len(self.flushLoggedErrors(ValueError))), (["a", "b"], 2))

    def test_after_stop_nothing_waits(self) -> None:
        self.timeouts.add("a")
        self.timeouts.stop()
        self.assertEqual((len(self.timeouts), self.clock.getDelayedCalls()), (0, []))
