"""Tests for zerogo.core."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Deadline, TimerTable, drain


class TimerTableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.timers: TimerTable[str] = TimerTable()

    def test_an_empty_table_waits_for_nothing(self) -> None:
        self.assertIsNone(self.timers.next())
        self.assertEqual(self.timers.take_due(1e9), [])

    def test_the_earliest_comes_first_with_its_reason(self) -> None:
        self.timers.set("late", 9.0)
        self.timers.set("early", 3.0)
        self.assertEqual(self.timers.next(), Deadline(3.0, "early"))

    def test_setting_again_moves_a_deadline(self) -> None:
        self.timers.set("rekey", 3.0)
        self.timers.set("rekey", 5.0)
        self.assertEqual(self.timers.take_due(4.0), [])
        self.assertEqual(self.timers.take_due(5.0), ["rekey"])

    def test_what_is_due_is_taken_once_earliest_first(self) -> None:
        for key, at in [("c", 3.0), ("a", 1.0), ("b", 2.0), ("d", 4.0)]:
            self.timers.set(key, at)
        self.assertEqual(self.timers.take_due(3.0), ["a", "b", "c"])
        self.assertEqual(self.timers.take_due(3.0), [])
        self.assertEqual(self.timers.next(), Deadline(4.0, "d"))

    def test_equal_deadlines_keep_the_order_in_which_they_were_set(self) -> None:
        for key in "zyx":
            self.timers.set(key, 1.0)
        self.assertEqual(self.timers.next(), Deadline(1.0, "z"))
        self.assertEqual(self.timers.take_due(1.0), ["z", "y", "x"])

    def test_a_cancelled_key_never_comes_due(self) -> None:
        self.timers.set("rekey", 1.0)
        self.assertTrue(self.timers.is_set("rekey"))
        self.timers.cancel("rekey")
        self.timers.cancel("rekey")
        self.assertFalse(self.timers.is_set("rekey"))
        self.assertEqual(self.timers.take_due(2.0), [])

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.sampled_from(["set", "cancel", "take"]))))
    def test_agrees_with_a_plain_list(self, steps: list[tuple[int, int, str]]) -> None:
        timers: TimerTable[int] = TimerTable()
        model: list[tuple[int, int]] = []
        for key, at, verb in steps:
            if verb == "take":
                due = sorted(pair[0] for pair in model if pair[0] <= at)
                self.assertEqual(len(timers.take_due(at)), len(due))
                model = [pair for pair in model if pair[0] > at]
            else:
                model = [pair for pair in model if pair[1] != key]
                timers.cancel(key) if verb == "cancel" else timers.set(key, at)
                model += [(at, key)] if verb == "set" else []
            deadline = timers.next()
            self.assertEqual(deadline and deadline.at, min(model)[0] if model else None)


class DrainTests(SynchronousTestCase):
    def test_items_come_in_order_and_are_gone(self) -> None:
        queue = deque([1, 2, 3])
        self.assertEqual(list(drain(queue)), [1, 2, 3])
        self.assertFalse(queue)

    def test_items_added_meanwhile_come_too(self) -> None:
        queue = deque([1])
        seen = []
        for item in drain(queue):
            seen.append(item)
            if item < 3:
                queue.append(item + 1)
        self.assertEqual(seen, [1, 2, 3])
