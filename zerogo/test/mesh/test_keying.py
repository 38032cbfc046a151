"""Handshakes and sessions of one peer, both ends of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Transmit
from zerogo.ids import SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import HandshakeMarkChanged, SessionReady, SessionRetired, SignalToSend
from zerogo.mesh.keying import (
    BEGIN_AGAIN_SECONDS,
    GIVE_UP_AFTER_SECONDS,
    HEARD_RETRY_SECONDS,
    INITIATION_GAP_SECONDS,
    NO_ANSWER,
    NOT_AUTHENTIC,
    REKEY_AFTER_SECONDS,
    REKEY_JITTER_SECONDS,
    RESPONDER_REKEY_AFTER_SECONDS,
    SIGNALLED_RETRY_SECONDS,
    TAKEOVER_SECONDS,
    Keying,
)
from zerogo.mesh.signal import BySignal
from zerogo.mesh.slots import REJECT_AFTER_SECONDS
from zerogo.mesh.status import Refusal
from zerogo.noise.cookie import CookieIssuer
from zerogo.noise.exchange import Responder
from zerogo.test.mesh.parts import ANN, BOB, NETWORK, PSK, context, drained
from zerogo.wire.handshake import Suite, parse_response

HERE = SocketAddress.of("192.0.2.1", 9993)
THERE = SocketAddress.of("192.0.2.2", 9993)
OTHERS = tuple(SocketAddress.of("192.0.2.2", port) for port in (1, 2, 3))


class KeyingTests(SynchronousTestCase):
    """Ann leads, Bob follows."""

    def setUp(self) -> None:
        self.anns, self.bobs = context(ANN), context(BOB)
        self.ann = Keying(self.anns, 1, BOB.static_public, Suite.CHACHAPOLY, True)
        self.bob = Keying(self.bobs, 1, ANN.static_public, Suite.CHACHAPOLY, False)
        self.responder = Responder(BOB, NETWORK, PSK, self.bobs.rng)

    def sent(self, shared: NodeContext) -> list[Transmit]:
        """Datagrams since the last call."""
        return list(shared.outbox.transmits())

    def initiate(self, now: float) -> list[bytes]:
        """Let Ann begin at `now`; her datagrams."""
        self.ann.set_destinations((THERE,), now)
        self.ann.handle_timer(now)
        return [each.payload for each in self.sent(self.anns)]

    def respond(self, datagram: bytes, now: float) -> bytes:
        """Bob's answer."""
        self.bob.respond(self.responder, self.responder.consume_initiation(datagram), HERE, now)
        return self.sent(self.bobs)[-1].payload

    def finish(self, response: bytes, now: float) -> None:
        """Give Ann the answer."""
        self.ann.receive_response(parse_response(response).receiver_index, response, now)

    def handshake(self, now: float) -> int:
        """A whole one that Ann began, confirmed at Bob's; Bob's local index."""
        [datagram] = self.initiate(now)
        response = self.respond(datagram, now)
        self.finish(response, now)
        assert self.bob.slots.next is not None
        index = self.bob.slots.next.local_index
        self.bob.confirmed(index, now)
        return index

    def test_both_ends_get_keys_that_fit(self) -> None:
        self.handshake(10.0)
        [ready] = drained(self.anns, SessionReady)
        [answered] = drained(self.bobs, SessionReady)
        assert isinstance(ready, SessionReady) and isinstance(answered, SessionReady)
        self.assertEqual(ready.keys.send_key, answered.keys.receive_key)
        self.assertEqual(ready.keys.local_index, answered.keys.remote_index)
        self.assertTrue(self.ann.has_session and self.bob.has_session)
        self.assertTrue(self.ann.take_fresh())
        self.assertFalse(self.ann.take_fresh())

    def test_the_session_is_told_before_the_answer_that_goes_by_the_controller(self) -> None:
        [datagram] = self.initiate(10.0)
        received = self.responder.consume_initiation(datagram)
        self.bob.respond(self.responder, received, BySignal(ANN.node_id), 10.0)
        told = [type(event) for event in drained(self.bobs, SessionReady, SignalToSend)]
        self.assertEqual(told, [SessionReady, SignalToSend])

    def test_the_responder_may_not_send_before_confirmation(self) -> None:
        [datagram] = self.initiate(10.0)
        self.respond(datagram, 10.0)
        self.assertFalse(self.bob.has_session)
        assert self.bob.slots.next is not None
        self.assertFalse(self.bob.confirmed(self.bob.slots.next.local_index ^ 1, 10.0))
        self.assertTrue(self.bob.confirmed(self.bob.slots.next.local_index, 10.0))
        self.assertTrue(self.bob.has_session)

    def test_the_end_that_follows_takes_over_after_a_second(self) -> None:
        self.bob.set_destinations((HERE,), 10.0)
        self.assertEqual(self.bob.next_at(), 10.0 + TAKEOVER_SECONDS)
        self.bob.handle_timer(10.0 + TAKEOVER_SECONDS)
        self.assertEqual([each.destination for each in self.sent(self.bobs)], [HERE])

    def test_an_initiation_of_the_leader_ends_the_attempt_of_the_follower(self) -> None:
        self.bob.set_destinations((HERE,), 8.0)
        self.bob.handle_timer(9.0)
        self.sent(self.bobs)
        [datagram] = self.initiate(9.0)
        self.respond(datagram, 9.01)
        self.assertEqual(self.bob.next_at(), 9.01 + TAKEOVER_SECONDS)

    def test_before_there_is_a_path_the_controller_carries_both_datagrams(self) -> None:
        self.ann.set_destinations((BySignal(BOB.node_id),), 10.0)
        self.ann.handle_timer(10.0)
        self.assertEqual([], self.sent(self.anns))
        [asked] = drained(self.anns, SignalToSend)
        assert isinstance(asked, SignalToSend)
        received = self.responder.consume_initiation(asked.blob)
        self.bob.respond(self.responder, received, BySignal(ANN.node_id), 10.1)
        [answer] = drained(self.bobs, SignalToSend)
        assert isinstance(answer, SignalToSend)
        self.assertEqual((asked.to, answer.to), (BOB.node_id, ANN.node_id))
        self.finish(answer.blob, 10.2)
        self.assertTrue(self.ann.has_session)

    def test_a_try_by_the_controller_is_made_again_on_the_first_path(self) -> None:
        self.ann.is_heard = True
        self.ann.set_destinations((BySignal(BOB.node_id),), 10.0)
        self.ann.handle_timer(10.0)
        self.assertEqual(self.ann.next_at(), 10.0 + SIGNALLED_RETRY_SECONDS)
        self.ann.set_destinations((THERE,), 10.1)
        self.assertEqual(self.ann.next_at(), 10.25)
        self.ann.handle_timer(10.25)
        self.assertEqual([each.destination for each in self.sent(self.anns)], [THERE])

    def test_a_peer_that_was_not_heard_of_is_tried_once_and_again_when_it_is(self) -> None:
        by_signal = (BySignal(BOB.node_id),)
        self.ann.set_destinations(by_signal, 10.0)
        self.ann.handle_timer(10.0)
        for at in (10.5, 20.0, 60.0):
            self.ann.set_destinations(by_signal, at)
            self.ann.handle_timer(at)
        self.assertEqual(len(drained(self.anns, SignalToSend)), 1)
        self.ann.is_heard = True
        self.ann.set_destinations(by_signal, 60.1)
        self.ann.handle_timer(60.1)
        self.assertEqual(len(drained(self.anns, SignalToSend)), 1)
        self.assertEqual(self.ann.next_at(), 60.1 + SIGNALLED_RETRY_SECONDS)

    def test_a_peer_that_is_heard_soon_after_a_try_is_left_time_to_answer_it(self) -> None:
        by_signal = (BySignal(BOB.node_id),)
        self.ann.set_destinations(by_signal, 10.0)
        self.ann.handle_timer(10.0)
        self.ann.is_heard = True
        self.ann.set_destinations(by_signal, 10.1)
        self.assertEqual(self.ann.next_at(), 10.0 + HEARD_RETRY_SECONDS)

    def test_tries_become_rarer_and_go_to_more_destinations(self) -> None:
        self.ann.set_destinations((THERE, *OTHERS), 0.0)
        times, counts = [], []
        while len(times) < 7:
            at = self.ann.next_at()
            assert at is not None
            self.ann.handle_timer(at)
            times.append(at)
            counts.append(len(self.sent(self.anns)))
        self.assertEqual(times[:5], [0.0, 0.25, 0.75, 1.75, 3.75])
        self.assertTrue(5.0 <= times[6] - times[5] <= 5.334)
        self.assertEqual(counts, [1, 1, 3, 3, 3, 3, 3])
        self.assertEqual(self.ann.complaint, NO_ANSWER)
        self.assertEqual(len(self.anns.indexes), 1)

    def test_no_try_comes_before_two_round_trips(self) -> None:
        self.ann.round_trip = 0.4
        self.initiate(0.0)
        self.assertEqual(self.ann.next_at(), 0.8)

    def test_it_gives_up_after_a_while_and_begins_again_later(self) -> None:
        self.initiate(0.0)
        now = 0.0
        while not self.ann.has_given_up:
            now = self.ann.next_at() or 0.0
            self.ann.handle_timer(now)
        self.assertTrue(GIVE_UP_AFTER_SECONDS <= now < GIVE_UP_AFTER_SECONDS + 6.0)
        self.assertEqual(len(self.anns.indexes), 0)
        self.sent(self.anns)
        self.ann.set_destinations((THERE,), now)
        self.assertEqual(self.ann.next_at(), now + BEGIN_AGAIN_SECONDS)
        self.ann.handle_timer(now + BEGIN_AGAIN_SECONDS)
        self.assertFalse(self.ann.has_given_up)
        self.assertEqual(len(self.sent(self.anns)), 1)

    def test_without_a_destination_an_attempt_stops(self) -> None:
        self.initiate(0.0)
        self.ann.set_destinations((), 0.1)
        self.assertIsNone(self.ann.next_at())
        self.assertEqual(len(self.anns.indexes), 0)

    def test_only_the_answer_to_the_newest_try_counts(self) -> None:
        [first] = self.initiate(0.0)
        self.ann.handle_timer(0.25)
        self.sent(self.anns)
        self.finish(self.respond(first, 0.3), 0.4)
        self.assertFalse(self.ann.has_session)
        self.assertEqual(self.anns.outbox.counters().refusals[Refusal.STALE_RESPONSE], 1)

    def test_a_forged_answer_changes_nothing_but_the_complaint(self) -> None:
        [datagram] = self.initiate(0.0)
        response = self.respond(datagram, 0.0)
        forged = response[:20] + bytes([response[20] ^ 1]) + response[21:]
        self.finish(forged, 0.1)
        self.assertEqual(self.ann.complaint, NOT_AUTHENTIC)
        self.finish(response, 0.1)
        self.assertTrue(self.ann.has_session)
        self.assertEqual(self.ann.complaint, "")

    def test_cookie_replies_of_whoever_is_on_the_path_draw_one_initiation_a_try(self) -> None:
        sent = self.initiate(0.0)
        for _ in range(20):
            issuer = CookieIssuer(NETWORK, BOB.static_public, self.bobs.rng)
            index = int.from_bytes(sent[-1][4:8], "big")
            self.ann.receive_cookie_reply(index, issuer.reply(sent[-1], index, HERE, 0.0), 0.0)
            sent += [each.payload for each in self.sent(self.anns)]
        self.assertEqual(len(sent), 2)
        self.ann.handle_timer(self.ann.next_at() or 0.0)
        [again] = self.sent(self.anns)
        self.assertTrue(issuer.has_valid_mac2(again.payload, HERE, 1.0))

    def test_the_initiator_renews_after_two_minutes(self) -> None:
        self.handshake(0.0)
        at = self.ann.next_at()
        assert at is not None
        self.assertTrue(REKEY_AFTER_SECONDS <= at <= REKEY_AFTER_SECONDS + REKEY_JITTER_SECONDS)
        self.ann.handle_timer(at)
        self.assertEqual(len(self.sent(self.anns)), 1)

    def test_the_responder_renews_later(self) -> None:
        self.handshake(0.0)
        self.bob.set_destinations((HERE,), 0.0)
        self.assertEqual(self.bob.next_at(), RESPONDER_REKEY_AFTER_SECONDS)

    def test_a_plane_that_wants_keys_gets_them(self) -> None:
        self.handshake(0.0)
        self.ann.rekey_due(50.0)
        self.ann.rekey_due(50.0)
        self.assertEqual(len(self.sent(self.anns)), 1)
        self.bob.set_destinations((HERE,), 50.0)
        self.bob.rekey_due(50.0)
        self.assertEqual(self.sent(self.bobs), [])
        self.assertEqual(self.bob.next_at(), 55.0)

    def test_a_session_expires_and_its_index_is_free(self) -> None:
        self.handshake(0.0)
        self.bob.handle_timer(REJECT_AFTER_SECONDS)
        self.assertFalse(self.bob.has_session)
        self.assertEqual(len(drained(self.bobs, SessionRetired)), 1)
        self.assertEqual(len(self.bobs.indexes), 0)

    def test_initiations_in_a_burst_are_not_answered(self) -> None:
        [datagram] = self.initiate(0.0)
        self.respond(datagram, 0.0)
        self.ann.handle_timer(0.25)
        [again] = [each.payload for each in self.sent(self.anns)]
        received = self.responder.consume_initiation(again)
        self.bob.respond(self.responder, received, HERE, INITIATION_GAP_SECONDS / 2)
        self.assertEqual(self.sent(self.bobs), [])
        self.assertEqual(self.bobs.outbox.counters().refusals[Refusal.TOO_MANY_INITIATIONS], 1)

    def test_clear_leaves_nothing(self) -> None:
        self.handshake(0.0)
        self.ann.renew(1.0)
        self.ann.clear()
        self.assertEqual((len(self.anns.indexes), self.ann.next_at(), self.ann.has_session), (0, None, False))

    def test_the_mark_of_the_clock_is_told_before_it_is_passed(self) -> None:
        [datagram] = self.initiate(0.0)
        [event] = drained(self.anns, HandshakeMarkChanged)
        assert isinstance(event, HandshakeMarkChanged)
        self.assertGreaterEqual(event.mark, self.responder.consume_initiation(datagram).timestamp)


class ContextTests(SynchronousTestCase):
    """What the parts share."""

    def test_indexes_are_unique_owned_and_given_back(self) -> None:
        pool = context().indexes
        indexes = [pool.allocate(peer) for peer in range(100)]
        self.assertEqual(len(set(indexes)), 100)
        self.assertEqual([pool.owner(index) for index in indexes], list(range(100)))
        for index in indexes:
            pool.release(index)
            pool.release(index)
        self.assertEqual(len(pool), 0)

    def test_many_peers_are_probed_less_often_each(self) -> None:
        pace = context().pace
        seconds = []
        for connected in (0, 10, 50, 100, 10_000):
            pace.connected = connected
            seconds.append(pace.steady_seconds)
        self.assertEqual(seconds, [1.0, 1.0, 2.0, 4.0, 5.0])

    def test_the_key_does_not_show(self) -> None:
        self.assertNotIn(repr(PSK), repr(context()))
