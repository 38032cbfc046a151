"""When another path is taken for the one in use because that one seems to have failed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.doubt import SHARED_PROBES_UNTIL_LEFT, overtaken_by, probes_until_left
from zerogo.mesh.events import ControlToSend
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober
from zerogo.test.mesh.parts import context
from zerogo.wire.control import Probe, parse_control

ROUND_TRIP = 0.02


class DoubtTests(SynchronousTestCase):
    """Two paths of 20 ms that have answered a hundred probes each, the last ones just now; then come the cases."""

    def setUp(self) -> None:
        self.context = context()
        self.prober = Prober(self.context, 7)
        self.used, self.other = (self.path(number) for number in (1, 2))
        for number in range(100):
            for path in (self.used, self.other):
                self.ask(path, number * 0.1, ROUND_TRIP)

    def path(self, number: int) -> Path:
        """One that ICE checked."""
        destination = SocketAddress.of(f"192.0.2.{number}", 9993)
        return Path(
            destination=destination,
            local_candidate="host",
            remote_candidate="host",
            is_checked=True,
            found_at=0.0,
            next_probe_at=0.0,
        )

    def ask(self, path: Path, at: float, answered_after: float | None = None) -> None:
        """Send a probe; None where no answer comes."""
        self.prober.probe(path, at, is_active=True)
        event = next(event for event in self.context.outbox.events() if isinstance(event, ControlToSend))
        probe = parse_control(event.payload)
        assert isinstance(probe, Probe)
        if answered_after is not None:
            self.prober.answered(probe.probe_id, at + answered_after)

    def miss(self, path: Path, *times: float) -> None:
        """Probes of a path that are lost."""
        for at in times:
            self.ask(path, at)
        for at in times:
            self.prober.expire(at + path.measurement.timeout + 0.001, is_only=True)

    def is_left(self, now: float) -> bool:
        """Whether the other one takes the place of the path in use."""
        return bool(overtaken_by(self.prober, self.used, [self.other], now))

    def test_two_missed_by_a_clean_path_and_an_answer_by_another_are_enough(self) -> None:
        self.miss(self.used, 10.0)
        self.ask(self.other, 10.2, ROUND_TRIP)
        self.assertFalse(self.is_left(11.0))
        self.miss(self.used, 10.1)
        self.assertTrue(self.is_left(11.0))

    def test_an_answer_to_what_was_asked_before_them_proves_nothing(self) -> None:
        self.ask(self.other, 9.95, ROUND_TRIP)
        self.miss(self.used, 10.0, 10.1, 10.2)
        self.assertFalse(self.is_left(11.0))
        self.ask(self.other, 10.1, ROUND_TRIP)
        self.assertTrue(self.is_left(11.0))

    def test_what_was_in_the_queue_is_waited_for(self) -> None:
        for at in (10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6):
            self.ask(self.used, at)
        self.used.note_missing(10.0)
        self.ask(self.other, 10.6, ROUND_TRIP + 0.4)
        self.assertFalse(self.is_left(10.6 + 0.4 + ROUND_TRIP + 0.01))
        self.assertTrue(self.is_left(10.6 + 0.4 + ROUND_TRIP + 0.07))

    def test_where_both_wait_in_a_queue_more_must_be_missing(self) -> None:
        for number in range(20):
            self.ask(self.used, 10.0 + number * 0.1, ROUND_TRIP + 0.03)
        self.miss(self.used, 12.0, 12.1)
        self.ask(self.other, 12.1, ROUND_TRIP + 0.03)
        self.assertFalse(self.is_left(13.0))
        self.miss(self.used, 12.2, 12.3, 12.4, 12.5)
        self.ask(self.other, 12.5, ROUND_TRIP + 0.03)
        self.assertTrue(self.is_left(13.0))

    def test_where_the_other_one_lost_some_as_well_too(self) -> None:
        self.miss(self.used, 10.0, 10.1)
        self.miss(self.other, 10.0)
        self.ask(self.other, 10.2, ROUND_TRIP)
        self.assertEqual(probes_until_left(self.prober, self.used, self.other), SHARED_PROBES_UNTIL_LEFT)
        self.assertFalse(self.is_left(11.0))

    def test_a_path_that_loses_now_and_then_is_given_one_more(self) -> None:
        self.miss(self.used, 10.0)
        self.ask(self.used, 10.1, ROUND_TRIP)
        self.assertEqual(probes_until_left(self.prober, self.used, self.other), 3)
