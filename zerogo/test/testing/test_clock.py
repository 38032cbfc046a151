"""Virtual time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.testing.clock import VirtualClock, seeded_bytes


class ClockTests(SynchronousTestCase):
    """What happens when."""

    def test_calls_happen_in_order_of_time_and_then_of_planning(self) -> None:
        clock, seen = VirtualClock(), []
        clock.call_at(2.0, lambda: seen.append("c"))
        clock.call_at(1.0, lambda: seen.append("a"))
        clock.call_later(1.0, lambda: seen.append("b"))
        clock.run_until(5.0)
        self.assertEqual((seen, clock.now), (["a", "b", "c"], 5.0))

    def test_a_call_sees_its_own_time_and_may_plan_more(self) -> None:
        clock, seen = VirtualClock(100.0), []

        def tick() -> None:
            seen.append(clock.now)
            if len(seen) < 3:
                clock.call_later(1.0, tick)

        tick()
        clock.run_for(10.0)
        self.assertEqual(seen, [100.0, 101.0, 102.0])

    def test_what_was_due_in_the_past_happens_at_once(self) -> None:
        clock, seen = VirtualClock(10.0), []
        clock.call_at(1.0, lambda: seen.append(clock.now))
        clock.run_for(0.0)
        self.assertEqual(seen, [10.0])

    def test_running_stops_when_the_condition_ceases(self) -> None:
        clock, seen = VirtualClock(), []
        for at in (1.0, 2.0, 3.0):
            clock.call_at(at, lambda at=at: seen.append(at))
        self.assertTrue(clock.run_while(lambda: len(seen) < 2, 10.0))
        self.assertEqual(clock.now, 2.0)
        self.assertFalse(clock.run_while(lambda: len(seen) < 9, 10.0))
        self.assertEqual(clock.now, 10.0)

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        self.assertEqual(seeded_bytes(1)(32), seeded_bytes(1)(32))
        self.assertNotEqual(seeded_bytes(1)(32), seeded_bytes(2)(32))
