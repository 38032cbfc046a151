"""The server of Binding: what it answers, with how much, and what it leaves alone."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    Attribute,
    ChangeRequest,
    Fingerprint,
    Software,
    UnknownAttribute,
    Username,
    XorMappedAddress,
)
from zerogo.stun.message import Message, MessageClass, Method, emit, parse
from zerogo.stun.server import ANSWERS_BURST, BindingResponder, binding_request

IPV4 = SocketAddress("192.0.2.7", 4242)
IPV6 = SocketAddress("2001:db8::7", 4242)
TRANSACTION_ID = bytes(range(12))


def request(*attributes: Attribute, fingerprint: bool = False) -> bytes:
    return emit(Message(Method.BINDING, MessageClass.REQUEST, TRANSACTION_ID, attributes), fingerprint=fingerprint)


class BindingResponderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.responder = BindingResponder()

    def answers(self, data: bytes, source: SocketAddress = IPV4, now: float = 0.0) -> list[bytes]:
        self.responder.receive_datagram(data, source, now)
        transmits = list(self.responder.transmits())
        self.assertTrue(all(each.destination == source for each in transmits))
        return [each.payload for each in transmits]

    def test_bare_request_gets_the_mapped_address_and_nothing_more(self) -> None:
        for source, size in ((IPV4, 32), (IPV6, 44)):
            (answer,) = self.answers(request(), source)
            parsed = parse(answer)
            self.assertEqual(len(answer), size)
            self.assertIs(parsed.message_class, MessageClass.SUCCESS)
            self.assertEqual(parsed.transaction_id, TRANSACTION_ID)
            self.assertEqual(parsed.attributes, (XorMappedAddress(source),))

    def test_answer_to_our_own_client_is_never_longer_than_its_request(self) -> None:
        for source in (IPV4, IPV6):
            data = binding_request(random.Random(1).randbytes)
            (answer,) = self.answers(data, source)
            self.assertLessEqual(len(answer), len(data))
            self.assertIsNotNone(parse(answer).get(Fingerprint))

    def test_fingerprint_is_left_out_where_it_would_make_the_answer_longer(self) -> None:
        (answer,) = self.answers(request(fingerprint=True))
        self.assertIsNone(parse(answer).get(Fingerprint))

    def test_credentials_do_not_matter(self) -> None:
        self.assertEqual(len(self.answers(request(Username("a:b"), Software("x")))), 1)

    def test_responses_indications_and_other_methods_are_never_answered(self) -> None:
        for message_class in (MessageClass.INDICATION, MessageClass.SUCCESS, MessageClass.ERROR):
            self.assertEqual(self.answers(emit(Message(Method.BINDING, message_class, TRANSACTION_ID))), [])
        self.assertEqual(self.answers(emit(Message(0x003, MessageClass.REQUEST, TRANSACTION_ID))), [])
        self.assertEqual(self.responder.counters.refused, 4)

    def test_its_own_answer_is_not_answered(self) -> None:
        (answer,) = self.answers(request())
        self.assertEqual(self.answers(answer), [])

    def test_request_that_cannot_be_met_gets_no_error(self) -> None:
        self.assertEqual(self.answers(request(UnknownAttribute(0x0077, b""))), [])
        self.assertEqual(self.answers(request(ChangeRequest(change_port=True))), [])
        self.assertEqual(len(self.answers(request(ChangeRequest()))), 1)

    def test_source_port_zero_is_not_answered(self) -> None:
        self.assertEqual(self.answers(request(), SocketAddress("192.0.2.7", 0)), [])

    def test_source_that_asks_too_often_is_left_without_answers(self) -> None:
        count = sum(len(self.answers(request(), now=0.0)) for _ in range(500))
        self.assertEqual(count, int(ANSWERS_BURST))
        self.assertEqual(self.responder.counters.limited, 500 - count)
        self.assertEqual(len(self.answers(request(), SocketAddress("192.0.2.8", 4242), 0.0)), 1)
        self.assertEqual(len(self.answers(request(), now=1.0)), 1)

    def test_answers_that_nobody_drains_are_bounded(self) -> None:
        for last in range(2000):
            self.responder.receive_datagram(request(), SocketAddress(f"10.0.{last // 250}.{last % 250}", 1), 0.0)
        self.assertEqual(len(list(self.responder.transmits())), 256)

    def test_there_is_no_timer(self) -> None:
        self.answers(request())
        self.assertIsNone(self.responder.next_timer())
        self.assertEqual(list(self.responder.events()), [])

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=120))
    def test_garbage_is_counted_and_not_answered(self, data: bytes) -> None:
        responder = BindingResponder()
        responder.receive_datagram(data, IPV4, 0.0)
        self.assertEqual(list(responder.transmits()), [])
        self.assertEqual(responder.counters.malformed + responder.counters.refused, 1)
