"""Who takes the place of a path that fails."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.choice import PathChoice
from zerogo.mesh.events import ControlToSend
from zerogo.mesh.path import Path
from zerogo.mesh.probing import Prober
from zerogo.mesh.succession import (
    LONGEST_VOUCHED_SECONDS,
    ROAMED_FOR_SECONDS,
    VOUCHED_GAP_SECONDS,
    VOUCHED_ROUND_TRIPS,
    VOUCHED_SECONDS,
    Succession,
)
from zerogo.routing.hysteresis import ChangeReason
from zerogo.test.mesh.parts import context
from zerogo.wire.control import Probe, parse_control


class SuccessionTests(SynchronousTestCase):
    """A path in use that has answered for two seconds."""

    def setUp(self) -> None:
        self.context = context()
        self.prober = Prober(self.context, 7)
        self.choice = PathChoice()
        self.succession = Succession(self.prober, self.choice)
        self.used = self.path(1, 0.0)
        for number in range(20):
            self.ask(number * 0.1, is_answered=True)
        self.assertIs(self.choice.choose([self.used], 2.0), self.used)

    def path(self, number: int, found_at: float, *, is_checked: bool = True) -> Path:
        """Another one."""
        return Path(
            destination=SocketAddress.of(f"192.0.2.{number}", 9993),
            local_candidate="host",
            remote_candidate="host",
            is_checked=is_checked,
            found_at=found_at,
            next_probe_at=found_at,
        )

    def ask(self, at: float, *, is_answered: bool) -> None:
        """Probe the path in use; where no answer comes, it is missed."""
        self.prober.probe(self.used, at, is_active=True)
        event = next(event for event in self.context.outbox.events() if isinstance(event, ControlToSend))
        probe = parse_control(event.payload)
        assert isinstance(probe, Probe)
        if is_answered:
            self.prober.answered(probe.probe_id, at + 0.02)
        else:
            self.prober.expire(at + 0.16)

    def test_a_peer_that_begins_anew_is_followed_at_once_to_what_is_found_then(self) -> None:
        self.ask(2.1, is_answered=False)
        self.succession.peer_began_anew(2.4)
        before, after = self.path(2, 2.3), self.path(3, 2.41)
        self.assertIsNone(self.succession.heir([before], 2.42))
        self.assertIs(self.succession.heir([before, after], 2.42), after)
        self.succession.taken()
        self.assertIsNone(self.succession.heir([before, after], 2.43))

    def test_a_path_that_was_not_checked_is_no_heir(self) -> None:
        self.ask(2.1, is_answered=False)
        self.succession.peer_began_anew(2.4)
        self.assertIsNone(self.succession.heir([self.path(3, 2.41, is_checked=False)], 2.42))

    def test_a_path_that_answers_is_kept_whatever_the_peer_begins(self) -> None:
        self.succession.peer_began_anew(2.1)
        self.ask(2.15, is_answered=False)
        self.assertIsNone(self.succession.heir([self.path(3, 2.16)], 2.4))

    def test_an_answer_ends_the_readiness_to_follow(self) -> None:
        self.ask(2.1, is_answered=False)
        self.succession.peer_began_anew(2.4)
        self.ask(2.45, is_answered=True)
        fresh = self.path(3, 2.5)
        self.assertIsNone(self.succession.heir([fresh], 2.5))
        self.ask(2.6, is_answered=False)
        self.assertIsNone(self.succession.heir([fresh], 2.9))

    def test_a_peer_that_is_heard_elsewhere_is_followed_after_a_missed_answer_for_some_seconds(self) -> None:
        elsewhere = self.path(2, 2.0, is_checked=False)
        self.succession.roamed(elsewhere, 2.0)
        self.assertIsNone(self.succession.heir([], 2.05))
        self.ask(2.1, is_answered=False)
        self.assertIs(self.succession.heir([], 2.4), elsewhere)
        self.assertIsNone(self.succession.heir([], 2.0 + ROAMED_FOR_SECONDS))

    def test_a_peer_that_goes_both_ways_is_not_followed_for_one_missed_answer(self) -> None:
        beside = self.path(2, 2.0)
        self.succession.roamed(beside, 2.0)
        self.ask(2.1, is_answered=True)
        self.assertIsNone(self.succession.heir([beside], 2.15))
        self.ask(2.2, is_answered=False)
        self.assertIsNone(self.succession.heir([beside], 2.5))

    def test_a_peer_that_is_heard_where_it_says_it_is_is_followed_for_a_moment_without_proof(self) -> None:
        self.ask(2.1, is_answered=False)
        told = self.path(2, 2.3, is_checked=False)
        self.succession.vouched(told, 2.3)
        self.assertTrue(told.is_usable)
        self.assertIs(self.succession.heir([told], 2.3), told)
        self.choice.force(told, 2.3)
        self.succession.taken()
        self.assertIsNone(self.succession.heir([self.used], 2.3))
        self.assertEqual(2.3 + VOUCHED_SECONDS, self.succession.next_at())
        self.succession.handle_timer(2.3 + VOUCHED_SECONDS)
        self.assertFalse(told.is_usable)
        self.assertIsNone(self.succession.next_at())

    def test_it_has_the_time_that_a_proof_takes_on_a_long_link_but_no_more_than_a_second(self) -> None:
        self.ask(2.1, is_answered=False)
        for round_trip, seconds in ((0.3, VOUCHED_ROUND_TRIPS * 0.3), (0.5, VOUCHED_ROUND_TRIPS * 0.5), (2.0, 1.0)):
            self.used.measurement.smoothed = round_trip
            self.assertIsNone(self.succession.heir([], 2.2))
            now = 100.0 * round_trip
            self.succession.vouched(self.path(2, now, is_checked=False), now)
            self.assertEqual(self.succession.next_at(), now + seconds)
            self.succession.forget()
        self.assertEqual(LONGEST_VOUCHED_SECONDS, 1.0)

    def test_what_was_taken_unmeasured_in_between_does_not_shorten_that_time(self) -> None:
        self.ask(2.1, is_answered=False)
        self.used.measurement.smoothed = 0.4
        self.assertIsNone(self.succession.heir([], 2.2))
        relay = self.path(3, 2.2)
        self.choice.force(relay, 2.2)
        self.assertIsNone(self.succession.heir([], 2.2))
        self.succession.vouched(self.path(2, 2.3, is_checked=False), 2.3)
        self.assertEqual(self.succession.next_at(), 2.3 + VOUCHED_ROUND_TRIPS * 0.4)

    def test_a_path_that_is_not_proven_in_time_is_left_and_not_held_to_have_failed(self) -> None:
        self.ask(2.1, is_answered=False)
        told = self.path(2, 2.3, is_checked=False)
        self.succession.vouched(told, 2.3)
        self.choice.force(told, 2.3)
        self.succession.taken()
        self.succession.handle_timer(2.6)
        self.assertIs(self.choice.choose([self.used, told], 2.6), self.used)
        self.assertEqual((self.choice.reason, told.has_failed), (ChangeReason.UNPROVEN, False))
        told.is_verified = True
        self.choice.force(told, 3.0)
        self.choice.force(self.used, 10.0)
        self.assertEqual(self.choice._preference._damping.proof_seconds(told.destination), 0.0)

    def test_what_takes_over_from_a_path_that_is_not_proven_in_time_does_not_make_that_a_failure_either(self) -> None:
        self.ask(2.1, is_answered=False)
        told = self.path(2, 2.3, is_checked=False)
        self.succession.vouched(told, 2.3)
        self.choice.force(told, 2.3)
        self.succession.handle_timer(2.6)
        self.choice.force(self.used, 2.6)
        self.assertEqual((self.choice.reason, told.has_failed), (ChangeReason.UNPROVEN, False))

    def test_it_is_not_believed_twice_in_a_row(self) -> None:
        self.ask(2.1, is_answered=False)
        self.succession.vouched(self.path(2, 2.3, is_checked=False), 2.3)
        self.succession.taken()
        again = self.path(3, 2.4, is_checked=False)
        self.succession.vouched(again, 2.4)
        self.assertFalse(again.is_usable)
        self.succession.vouched(again, 2.3 + VOUCHED_GAP_SECONDS)
        self.assertTrue(again.is_usable)

    def test_it_is_not_followed_from_a_path_that_is_proven_and_well(self) -> None:
        told = self.path(2, 2.3, is_checked=False)
        self.succession.vouched(told, 2.3)
        self.assertFalse(told.is_usable)
        self.assertIsNone(self.succession.heir([], 2.3))

    def test_a_path_that_is_dropped_inherits_nothing(self) -> None:
        elsewhere = self.path(2, 2.0, is_checked=False)
        self.succession.roamed(elsewhere, 2.0)
        self.ask(2.1, is_answered=False)
        self.succession.forget(elsewhere)
        self.assertIsNone(self.succession.heir([], 2.4))
