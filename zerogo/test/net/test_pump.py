"""Tests for zerogo.net.pump."""

from collections import deque
from collections.abc import Iterator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Deadline, drain
from zerogo.net.pump import Pump


class Echo:
    """A core that sends what it is told, has one timer and can be told to fail."""

    def __init__(self) -> None:
        self.out: deque[str] = deque()
        self.happened: deque[str] = deque()
        self.deadline: Deadline | None = None

    def say(self, text: str, now: float) -> None:
        self.out.append(f"{text} at {now:g}")

    def report(self, text: str, now: float) -> None:
        self.happened.append(text)

    def wait(self, seconds: float, now: float) -> None:
        self.deadline = Deadline(now + seconds, "waiting")

    def fail(self, now: float) -> None:
        self.out.append("before the bug")
        raise RuntimeError("a bug")

    def handle_timer(self, now: float) -> None:
        self.deadline = None
        self.happened.append(f"timer at {now:g}")

    def next_timer(self) -> Deadline | None:
        return self.deadline

    def transmits(self) -> Iterator[str]:
        return drain(self.out)

    def events(self) -> Iterator[str]:
        return drain(self.happened)


class PumpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.core = Echo()
        self.sent: list[str] = []
        self.seen: list[str] = []
        self.pump: Pump[str, str] = Pump(
            self.core, self.clock, outputs=self.core.transmits, send=self.sent.append, on_event=self.on_event
        )

    def on_event(self, event: str) -> None:
        self.seen.append(event)
        if event == "answer":
            self.pump.call(self.core.say, "answered")
        if event == "broken":
            raise RuntimeError("a bug in the role")

    def test_a_verb_is_called_with_the_time_and_its_outputs_are_sent(self) -> None:
        self.clock.advance(3)
        self.pump.call(self.core.say, "hello")
        self.assertEqual(self.sent, ["hello at 3"])

    def test_the_timer_is_armed_and_its_events_come_out(self) -> None:
        self.pump.call(self.core.wait, 2.0)
        self.clock.advance(1.9)
        self.assertEqual(self.seen, [])
        self.clock.advance(0.2)
        self.assertEqual(self.seen, ["timer at 2.1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_deadline_that_moves_leaves_one_delayed_call(self) -> None:
        self.pump.call(self.core.wait, 2.0)
        self.pump.call(self.core.wait, 9.0)
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [9.0])

    def test_a_deadline_that_stays_keeps_its_delayed_call(self) -> None:
        self.pump.call(self.core.wait, 2.0)
        before = self.clock.getDelayedCalls()
        self.pump.call(self.core.say, "hello")
        self.assertEqual(self.clock.getDelayedCalls(), before)

    def test_a_deadline_in_the_past_does_not_spin(self) -> None:
        self.pump.call(self.core.wait, -5.0)
        self.assertGreater(self.clock.getDelayedCalls()[0].getTime(), self.clock.seconds())

    def test_an_event_may_call_the_same_core(self) -> None:
        self.core.happened.extend(["answer", "after"])
        self.pump.call(self.core.report, "last")
        self.assertEqual(self.sent, ["answered at 0"])
        self.assertEqual(self.seen, ["answer", "after", "last"])

    def test_events_are_acted_on_before_outputs_are_sent(self) -> None:
        order: list[str] = []
        pump: Pump[str, str] = Pump(
            self.core, self.clock, outputs=self.core.transmits, send=order.append, on_event=order.append
        )
        self.core.happened.append("session ready")
        pump.call(self.core.say, "response")
        self.assertEqual(order, ["session ready", "response at 0"])

    def test_a_bug_in_a_verb_is_logged_and_the_rest_goes_on(self) -> None:
        self.pump.call(self.core.fail)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.sent, ["before the bug"])

    def test_a_bug_in_the_role_does_not_lose_later_events(self) -> None:
        self.core.happened.extend(["broken", "after"])
        self.pump.call(self.core.say, "x")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.seen, ["broken", "after"])

    def test_a_stopped_pump_calls_nothing(self) -> None:
        self.pump.call(self.core.wait, 2.0)
        self.pump.stop()
        self.clock.advance(5)
        self.pump.call(self.core.say, "hello")
        self.assertEqual((self.sent, self.seen, self.clock.getDelayedCalls()), ([], [], []))
