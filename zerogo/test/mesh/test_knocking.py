"""Knocking at the NAT of the other end after a move."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.events import ControlToSend, PathKind
from zerogo.mesh.knocking import KNOCK_FOR_SECONDS, KNOCK_SECONDS, Knocking
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober
from zerogo.test.mesh.parts import context
from zerogo.wire.control import Probe, parse_control

MOVED_AT = 10.0
STEP_SECONDS = 0.005


def direct_path() -> Path:
    """One that ICE checked."""
    return Path(
        destination=SocketAddress.of("192.0.2.1", 9993),
        local_candidate="host",
        remote_candidate="host",
        is_checked=True,
        found_at=0.0,
        next_probe_at=0.0,
    )


class KnockingTests(SynchronousTestCase):
    """A direct path in use, and a move."""

    def setUp(self) -> None:
        self.knocking = Knocking()
        self.path = direct_path()

    def knocks(self, path: Path, begin: float, end: float) -> list[float]:
        """When it knocks."""
        times = [begin + number * STEP_SECONDS for number in range(round((end - begin) / STEP_SECONDS))]
        return [at for at in times if self.knocking.take_due(path, at)]

    def test_nobody_knocks_without_a_move(self) -> None:
        self.assertIsNone(self.knocking.next_at(self.path))
        self.assertEqual([], self.knocks(self.path, 0.0, 2.0))

    def test_knocks_go_on_for_a_while_after_one(self) -> None:
        self.path.moved_at = MOVED_AT
        self.assertEqual(MOVED_AT + KNOCK_SECONDS, self.knocking.next_at(self.path))
        knocks = self.knocks(self.path, MOVED_AT, MOVED_AT + 2.0)
        self.assertTrue(15 <= len(knocks) <= 20, knocks)
        self.assertLess(knocks[-1], MOVED_AT + KNOCK_FOR_SECONDS)
        self.assertIsNone(self.knocking.next_at(self.path))

    def test_an_answer_ends_them_and_another_move_begins_them(self) -> None:
        self.path.moved_at = MOVED_AT
        self.assertTrue(self.knocks(self.path, MOVED_AT, MOVED_AT + 0.1))
        self.path.note_answer(MOVED_AT + 0.05, MOVED_AT + 0.1)
        self.assertEqual([], self.knocks(self.path, MOVED_AT + 0.1, MOVED_AT + 1.0))
        self.path.moved_at = MOVED_AT + 2.0
        self.assertTrue(self.knocks(self.path, MOVED_AT + 2.0, MOVED_AT + 2.1))

    def test_there_is_no_door_at_a_relay(self) -> None:
        self.path.moved_at, self.path.kind = MOVED_AT, PathKind.RELAY
        self.assertEqual([], self.knocks(self.path, MOVED_AT, MOVED_AT + 1.0))

    def test_one_that_comes_too_late_is_left_out(self) -> None:
        self.path.moved_at = MOVED_AT
        self.assertFalse(self.knocking.take_due(self.path, MOVED_AT + 1.0))
        self.assertIsNone(self.knocking.next_at(self.path))


class KnockTests(SynchronousTestCase):
    """What the prober makes of it."""

    def setUp(self) -> None:
        self.path = direct_path()
        self.context = context()
        self.prober = Prober(self.context, 7)

    def sent(self) -> list[int]:
        """Numbers of the probes that went out."""
        sent = [each for each in self.context.outbox.events() if isinstance(each, ControlToSend)]
        probes = [parse_control(each.payload) for each in sent]
        return [probe.probe_id for probe in probes if isinstance(probe, Probe)]

    def knock(self, begin: float, seconds: float) -> list[int]:
        """Let time pass."""
        for number in range(round(seconds / STEP_SECONDS)):
            self.prober.knock(self.path, begin + number * STEP_SECONDS)
        return self.sent()

    def test_only_who_is_sent_data_is_knocked_at(self) -> None:
        self.path.moved_at = MOVED_AT
        self.assertEqual([], self.knock(MOVED_AT, 0.2))
        for total in (1000, 2000):
            self.prober.note_sent(total, MOVED_AT)
        self.assertTrue(self.knock(MOVED_AT, 0.2))

    def test_knocks_that_are_not_answered_say_nothing_of_the_path(self) -> None:
        for total in (1000, 2000):
            self.prober.note_sent(total, MOVED_AT)
        self.path.moved_at = MOVED_AT
        before = evolve(self.path.measurement)
        self.assertGreater(len(self.knock(MOVED_AT, 1.0)), 10)
        self.assertEqual([], self.prober.expire(MOVED_AT + 2.0))
        self.assertEqual((before, 0), (self.path.measurement, self.prober.missing(self.path)))
        self.assertTrue(self.path.is_alive)
        self.assertIsNone(self.path.silent_since)

    def test_one_that_is_answered_proves_the_path(self) -> None:
        for total in (1000, 2000):
            self.prober.note_sent(total, MOVED_AT)
        self.path.moved_at = MOVED_AT
        first, *_ = self.knock(MOVED_AT, 0.1)
        self.assertIs(self.prober.answered(first, MOVED_AT + 0.1), self.path)
        self.assertTrue(self.path.is_verified)
        self.assertEqual([], self.knock(MOVED_AT + 0.1, 1.0))
