"""What a node finds out about its place."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Transmit
from zerogo.ids import SocketAddress
from zerogo.mesh.directory import GATHERER, Directory
from zerogo.mesh.signal import NatMapping
from zerogo.mesh.surroundings import GATHER_SECONDS, OTHERS_SECONDS, Surroundings
from zerogo.stun.attributes import XorMappedAddress
from zerogo.stun.message import Message, MessageClass, Method, emit, parse
from zerogo.test.mesh.parts import context

HOST = SocketAddress.of("192.168.1.2", 9993)
MAPPED = SocketAddress.of("192.0.2.1", 40000)
SERVERS = [SocketAddress.of("198.51.100.1", 3478), SocketAddress.of("198.51.100.2", 3478)]


class SurroundingsTests(SynchronousTestCase):
    """Two servers."""

    def setUp(self) -> None:
        self.context, self.directory = context(), Directory()
        self.place = Surroundings(self.context, self.directory)
        self.place.set_hosts([HOST], 0.0)
        self.place.set_servers(SERVERS, 0.0)
        self.place.settle(0.0)

    def answer_both(self, first: SocketAddress, second: SocketAddress, now: float = 0.1) -> None:
        """Both answer."""
        requests = list(self.context.outbox.transmits())
        for request, mapped in zip(requests, (first, second), strict=True):
            self.answer(request, mapped, now)

    def answer(self, request: Transmit, mapped: SocketAddress, now: float) -> None:
        """One answers."""
        transaction_id = parse(request.payload).transaction_id
        self.assertEqual(self.directory.owner_of(transaction_id), GATHERER)
        self.assertTrue(self.place.owns(transaction_id))
        response = Message(Method.BINDING, MessageClass.SUCCESS, transaction_id, (XorMappedAddress(mapped),))
        raw = emit(response)
        self.place.receive_message(parse(raw), raw, request.destination, now)
        self.place.settle(now)

    def test_the_offer_is_complete_when_all_servers_have_answered(self) -> None:
        self.assertFalse(self.place.offer.is_complete)
        self.answer_both(MAPPED, MAPPED)
        self.assertTrue(self.place.offer.is_complete)
        self.assertEqual([each.address for each in self.place.offer.candidates], [HOST, MAPPED])
        self.assertIs(self.place.offer.mapping, NatMapping.STABLE)

    def test_a_symmetric_nat_is_seen(self) -> None:
        self.answer_both(MAPPED, SocketAddress.of("192.0.2.1", 40001))
        self.assertIs(self.place.offer.mapping, NatMapping.PER_DESTINATION)

    def test_silent_servers_are_not_waited_for_long(self) -> None:
        while not self.place.offer.is_complete:
            at = self.place.next_at()
            assert at is not None
            self.assertLessEqual(at, GATHER_SECONDS)
            self.place.handle_timer(at)
            self.place.settle(at)

    def test_without_servers_the_offer_is_complete_at_once(self) -> None:
        alone = Surroundings(context(), Directory())
        alone.set_hosts([HOST], 0.0)
        self.assertTrue(alone.settle(0.0))
        self.assertTrue(alone.offer.is_complete)

    def test_servers_that_this_machine_cannot_reach_are_not_waited_for(self) -> None:
        self.place.set_servers([*SERVERS, SocketAddress.of("2001:db8::1", 3478)], 0.0)
        self.answer_both(MAPPED, MAPPED)
        self.assertTrue(self.place.offer.is_complete)

    def test_a_doubt_asks_again_but_not_in_a_loop(self) -> None:
        self.answer_both(MAPPED, MAPPED)
        self.assertFalse(self.place.doubt(2.0, 1.0))
        self.place.settle(1.0)
        self.assertEqual(list(self.context.outbox.transmits()), [])
        self.assertTrue(self.place.doubt(2.0, 5.0))
        self.place.settle(5.0)
        self.assertEqual(len(list(self.context.outbox.transmits())), 2)
        self.assertFalse(self.place.offer.is_complete)
        self.assertEqual(len(self.place.offer.candidates), 2)

    def test_another_mapping_at_the_same_server_is_a_move_but_not_right_after_one_that_was_told(self) -> None:
        self.answer_both(MAPPED, MAPPED)
        self.assertFalse(self.place.take_moved())
        self.place.doubt(2.0, 5.0)
        self.place.settle(5.0)
        self.answer(next(self.context.outbox.transmits()), SocketAddress.of("192.0.2.9", 40000), 5.1)
        self.assertTrue(self.place.take_moved())
        self.assertFalse(self.place.take_moved())
        list(self.context.outbox.transmits())
        self.place.network_changed(20.0)
        self.place.settle(20.0)
        self.answer(next(self.context.outbox.transmits()), MAPPED, 20.1)
        self.assertFalse(self.place.take_moved())

    def test_the_last_server_is_not_waited_for_long_when_another_has_answered(self) -> None:
        request = next(self.context.outbox.transmits())
        self.answer(request, MAPPED, 0.1)
        self.assertFalse(self.place.offer.is_complete)
        self.place.handle_timer(0.1 + OTHERS_SECONDS)
        self.place.settle(0.1 + OTHERS_SECONDS)
        self.assertTrue(self.place.offer.is_complete)

    def test_another_network_voids_what_was_seen(self) -> None:
        self.answer_both(MAPPED, MAPPED)
        self.place.network_changed(5.0)
        self.assertEqual([each.address for each in self.place.offer.candidates], [HOST])
