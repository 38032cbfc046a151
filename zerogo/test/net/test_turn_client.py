"""The stream driver of a TURN client, on a transport in memory."""

from __future__ import annotations

import random

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.turn_client import TurnClientStream
from zerogo.secret import Secret
from zerogo.stun.attributes import ErrorCode
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.turn.client import STREAM_SCHEDULE, TurnClient, TurnCredential
from zerogo.turn.client_events import AllocateFailed, ClientEvent
from zerogo.turn.message import TurnMethod, parse

SERVER = SocketAddress("192.0.2.1", 3478)


class TurnClientStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.transport = Clock(), StringTransport()
        self.seen: list[ClientEvent] = []
        self.client = TurnClient(
            SERVER, TurnCredential("alice", Secret("x")), random.Random(1).randbytes, is_stream=True
        )
        self.stream = TurnClientStream(self.client, SERVER, self.clock, self.seen.append)

    def connect(self) -> Message:
        self.stream.makeConnection(self.transport)
        return parse(self.transport.value())

    def test_it_asks_when_connected_and_once_more_after_a_second(self) -> None:
        self.assertEqual(self.connect().method, TurnMethod.ALLOCATE)
        sent = self.transport.value()
        self.clock.advance(0.99)
        self.assertEqual(self.transport.value(), sent)
        self.clock.advance(0.02)
        self.assertEqual(self.transport.value(), 2 * sent)

    def test_answers_are_put_together(self) -> None:
        request = self.connect()
        refusal = Message(request.method, MessageClass.ERROR, request.transaction_id, (ErrorCode(508, "full"),))
        for byte in emit(refusal):
            self.stream.dataReceived(bytes([byte]))
        self.assertEqual(self.seen, [AllocateFailed(508, "full")])

    def test_silence_is_given_up(self) -> None:
        self.connect()
        self.clock.pump(STREAM_SCHEDULE)
        self.assertEqual([type(each) for each in self.seen], [AllocateFailed])

    def test_lost_connection_is_told(self) -> None:
        self.connect()
        self.stream.connectionLost()
        self.assertEqual([type(each) for each in self.seen], [AllocateFailed])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_no_turn_is_hung_up_on(self) -> None:
        self.connect()
        self.stream.dataReceived(b"\xff")
        self.assertTrue(self.transport.disconnected)

    def test_full_transport_costs_messages(self) -> None:
        self.stream.pauseProducing()
        self.stream.makeConnection(self.transport)
        self.assertEqual((self.transport.value(), self.stream.dropped), (b"", 1))
