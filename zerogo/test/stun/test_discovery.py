"""A server that answers from another of its addresses, and what it says of these."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    ChangeRequest,
    MappedAddress,
    OtherAddress,
    Padding,
    ResponseOrigin,
    UnknownAttribute,
    XorMappedAddress,
)
from zerogo.stun.discovery import Places, discovery_request
from zerogo.stun.message import Message, MessageClass, Method, emit, parse
from zerogo.stun.server import Answer, BindingResponder, binding_request

CLIENT = SocketAddress("192.0.2.7", 4242)
CLIENT_IPV6 = SocketAddress("2001:db8::7", 4242)
FOUR = {
    number: SocketAddress(host, port)
    for number, (host, port) in enumerate(itertools.product(("198.51.100.1", "198.51.100.2"), (3478, 3479)))
}
FOUR_IPV6 = {
    number: SocketAddress(host, port)
    for number, (host, port) in enumerate(itertools.product(("2001:db8:1::1", "2001:db8:1::2"), (3478, 3479)), start=4)
}
ONE_HOST = {0: SocketAddress("198.51.100.1", 3478), 1: SocketAddress("198.51.100.1", 3479)}
RNG = random.Random(1).randbytes


class DiscoveryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.responder = BindingResponder()
        self.responder.places = Places(FOUR | FOUR_IPV6)

    def answer(self, data: bytes, listener: int = 0, client: SocketAddress = CLIENT) -> Answer:
        answer = self.responder.answer(data, client, listener, 0.0)
        assert answer is not None
        return answer

    def test_each_change_is_answered_by_the_listener_that_makes_it(self) -> None:
        for flags, numbers in (
            ((False, False), [0, 1, 2, 3]),
            ((False, True), [1, 0, 3, 2]),
            ((True, False), [2, 3, 0, 1]),
            ((True, True), [3, 2, 1, 0]),
        ):
            data = discovery_request(RNG, change_address=flags[0], change_port=flags[1])
            self.assertEqual([self.answer(data, number).listener for number in range(4)], numbers)

    def test_families_do_not_mix(self) -> None:
        data = discovery_request(RNG, change_address=True, change_port=True)
        self.assertEqual(self.answer(data, 4, CLIENT_IPV6).listener, 7)

    def test_a_padded_request_is_told_everything(self) -> None:
        for listener, client, places in ((0, CLIENT, FOUR), (4, CLIENT_IPV6, FOUR_IPV6)):
            data = discovery_request(RNG, change_port=True)
            answer = self.answer(data, listener, client)
            told = parse(answer.payload)
            self.assertEqual(told.get(XorMappedAddress), XorMappedAddress(client))
            self.assertEqual(told.get(MappedAddress), MappedAddress(client))
            self.assertEqual(told.get(ResponseOrigin), ResponseOrigin(places[listener + 1]))
            self.assertEqual(told.get(OtherAddress), OtherAddress(places[listener + 2]))

    def test_with_one_host_the_port_can_change_and_no_other_address_is_named(self) -> None:
        self.responder.places = Places(ONE_HOST)
        answer = self.answer(discovery_request(RNG, change_port=True))
        self.assertEqual(answer.listener, 1)
        self.assertIsNone(parse(answer.payload).get(OtherAddress))
        self.assertEqual(parse(answer.payload).get(ResponseOrigin), ResponseOrigin(ONE_HOST[1]))
        for port in (False, True):
            data = discovery_request(RNG, change_address=True, change_port=port)
            self.assertIsNone(self.responder.answer(data, CLIENT, 0, 0.0))

    def test_without_places_nothing_changes_and_nothing_is_told(self) -> None:
        responder = BindingResponder()
        self.assertIsNone(responder.answer(discovery_request(RNG, change_port=True), CLIENT, 0, 0.0))
        answer = responder.answer(discovery_request(RNG), CLIENT, 0, 0.0)
        assert answer is not None
        self.assertEqual(next(type(one).__name__ for one in parse(answer.payload).attributes), "XorMappedAddress")
        self.assertIsNone(parse(answer.payload).get(ResponseOrigin))

    def test_a_response_is_never_sent_to_another_port_than_asked_from(self) -> None:
        response_port = UnknownAttribute(0x0027, b"\x10\x92\0\0")
        data = emit(Message(Method.BINDING, MessageClass.REQUEST, bytes(12), (response_port,)))
        self.assertIsNone(self.responder.answer(data, CLIENT, 0, 0.0))

    @settings(deadline=None, max_examples=150)
    @given(st.integers(0, 300), st.booleans(), st.booleans(), st.booleans(), st.booleans())
    def test_no_answer_is_longer_than_a_request_that_has_room_for_the_least(
        self, padding: int, address: bool, port: bool, fingerprint: bool, is_ipv6: bool
    ) -> None:
        attributes = (ChangeRequest(address, port), Padding(bytes(padding)))
        message = Message(Method.BINDING, MessageClass.REQUEST, bytes(12), attributes)
        data = emit(message, fingerprint=fingerprint)
        client, listener, least = (CLIENT_IPV6, 4, 44) if is_ipv6 else (CLIENT, 0, 32)
        answer = BindingResponder.answer(self._fresh(), data, client, listener, 0.0)
        assert answer is not None
        self.assertLessEqual(len(answer.payload), max(least, len(data)))

    def _fresh(self) -> BindingResponder:
        responder = BindingResponder()
        responder.places = self.responder.places
        return responder

    def test_agents_requests_are_as_long_as_their_answers(self) -> None:
        data = binding_request(RNG)
        for listener, client in ((0, CLIENT), (4, CLIENT_IPV6)):
            self.assertLessEqual(len(self.answer(data, listener, client).payload), len(data))
