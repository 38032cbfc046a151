"""Driven cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Deadline, Transmit, drain
from zerogo.errors import LocalError
from zerogo.ids import SocketAddress
from zerogo.testing.clock import VirtualClock
from zerogo.testing.internet import Internet
from zerogo.testing.pair import DrivenCore


class Echo:
    """Answers each datagram a second later; tells of both."""

    def __init__(self) -> None:
        self.due: deque[tuple[float, Transmit]] = deque()
        self.out: deque[Transmit] = deque()
        self.told: deque[str] = deque()
        self.is_stuck = False

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        self.due.append((now + 1.0, Transmit(source, data)))
        self.told.append("received")

    def ask(self, destination: SocketAddress, now: float) -> None:
        self.out.append(Transmit(destination, b"?"))

    def handle_timer(self, now: float) -> None:
        while self.due and self.due[0][0] <= now and not self.is_stuck:
            self.out.append(self.due.popleft()[1])
            self.told.append("answered")

    def next_timer(self) -> Deadline | None:
        return Deadline(self.due[0][0], "echo") if self.due else None

    def transmits(self) -> Iterator[Transmit]:
        return drain(self.out)

    def events(self) -> Iterator[str]:
        return drain(self.told)


class DrivenCoreTests(SynchronousTestCase):
    """Two echoes on clocks that differ by an hour."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        internet = Internet(self.clock)
        self.ends = [
            DrivenCore(internet, internet.add_host(name, internet.add_site(name)), 7, Echo(), clock_ahead=ahead)
            for name, ahead in (("ann", 0.0), ("bob", 3600.0))
        ]

    def test_datagrams_timers_and_events_are_driven(self) -> None:
        ann, bob = self.ends
        ann.call(ann.core.ask, bob.address)  # type: ignore[attr-defined]
        self.clock.run_for(1.03)
        self.assertEqual((ann.events, bob.events), ([], ["received", "answered"]))
        self.clock.run_for(0.02)
        self.assertEqual(ann.events, ["received"])

    def test_a_stopped_core_is_deaf_and_silent(self) -> None:
        ann, bob = self.ends
        ann.call(ann.core.ask, bob.address)  # type: ignore[attr-defined]
        self.clock.run_for(0.5)
        bob.stop()
        self.clock.run_for(5.0)
        self.assertEqual(bob.events, ["received"])
        self.assertEqual(ann.events, [])

    def test_a_core_that_wants_its_timer_for_ever_is_found_out(self) -> None:
        ann, bob = self.ends
        bob.core.is_stuck = True  # type: ignore[attr-defined]
        ann.call(ann.core.ask, bob.address)  # type: ignore[attr-defined]
        self.assertRaises(LocalError, self.clock.run_for, 5.0)
