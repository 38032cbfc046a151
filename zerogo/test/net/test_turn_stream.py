"""Connections of TURN clients, on a transport in memory and a clock that is moved."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.turn_stream import (
    CONNECTIONS_PER_HOST,
    IDLE_SECONDS,
    StreamCounters,
    TurnStream,
    TurnStreamFactory,
)
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.message import emit_channel_data


class StreamTransport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class Clients:
    def __init__(self) -> None:
        self.messages: list[tuple[bytes, ClientAddress]] = []
        self.lost: list[ClientAddress] = []
        self.served = False

    def message_received(self, data: bytes, client: ClientAddress) -> None:
        self.messages.append((data, client))

    def connection_lost(self, client: ClientAddress) -> None:
        self.lost.append(client)

    def serves(self, client: ClientAddress) -> bool:
        return self.served


class TurnStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.clients, self.counters = Clock(), Clients(), StreamCounters()
        self.factory = TurnStreamFactory(3, ClientTransport.TCP, self.clients, self.clock, self.counters)

    def connected(self, port: int = 5) -> tuple[TurnStream, StreamTransport]:
        stream = self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", port))
        assert stream is not None
        transport = StreamTransport()
        stream.makeConnection(transport)
        return stream, transport

    def test_messages_arrive_whole_and_are_sent(self) -> None:
        stream, transport = self.connected()
        message = emit_channel_data(0x4001, b"12345", is_padded=True)
        stream.dataReceived(message[:3])
        stream.dataReceived(message[3:])
        self.assertEqual(self.clients.messages, [(emit_channel_data(0x4001, b"12345"), stream.client)])
        self.factory.send(stream.client, b"answer")
        self.assertEqual((transport.value(), transport.no_delay), (b"answer", True))

    def test_other_protocols_are_hung_up_on(self) -> None:
        stream, transport = self.connected()
        stream.dataReceived(b"\x16\x03\x01\x00\x05")
        self.assertTrue(transport.disconnected)
        self.assertEqual((self.counters.malformed, self.clients.messages), (1, []))

    def test_client_that_does_not_read_loses_messages(self) -> None:
        stream, transport = self.connected()
        stream.pauseProducing()
        stream.send(b"lost")
        stream.resumeProducing()
        stream.send(b"kept")
        self.assertEqual((transport.value(), self.counters.dropped), (b"kept", 1))

    def test_connection_without_allocation_is_closed_after_a_while(self) -> None:
        _, transport = self.connected()
        self.clients.served = True
        self.clock.advance(IDLE_SECONDS)
        self.assertFalse(transport.disconnected)
        self.clients.served = False
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.counters.idle, 1)

    def test_lost_connection_is_told_once_and_leaves_nothing(self) -> None:
        stream, _ = self.connected()
        stream.connectionLost()
        self.factory.send(stream.client, b"late")
        self.assertEqual(self.clients.lost, [stream.client])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connections_of_one_host_are_counted(self) -> None:
        streams = [self.connected(port)[0] for port in range(1, CONNECTIONS_PER_HOST + 1)]
        self.assertIsNone(self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 9999)))
        self.assertIsNotNone(self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 9999)))
        streams[0].connectionLost()
        self.assertIsNotNone(self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 9999)))
        self.assertEqual(self.counters.refused, 1)
