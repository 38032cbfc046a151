"""What the gateway's end for edges does before an edge is there; the rest is in `integration.test_exits`."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autobahn.websocket.protocol import WebSocketServerProtocol
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit import admission
from zerogo.net import exit_server
from zerogo.net.exit_places import EDGE_PATH
from zerogo.net.exit_server import HANDSHAKE_SECONDS, EdgeServer
from zerogo.net.listening import TLSServerFactory, server_context
from zerogo.net.websocket import HEAD_LIMIT, PROTOCOL
from zerogo.noise.identity import Identity
from zerogo.test.net.certificates import write_certificate

reactor: Any = installed
REQUEST = (
    f"GET {EDGE_PATH} HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
).encode()


class EdgeServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        nobody: Any = None
        self.server = EdgeServer(nobody, Identity.generate(os.urandom), self.clock, os.urandom)

    def test_options_are_held_by_the_class_and_are_those_of_the_factory(self) -> None:
        protocol: Any = self.server.buildProtocol(None)
        for name in WebSocketServerProtocol.CONFIG_ATTRS:
            self.assertNotIn(name, vars(protocol))
            self.assertEqual(getattr(protocol, name), getattr(self.server, name), name)

    def test_mute_ones_hold_up_the_others_for_a_moment_at_most(self) -> None:
        self.patch(exit_server, "FRESH_ENOUGH", 4)
        held: list[bool] = []
        intake: Any = SimpleNamespace(hold=held.append)
        self.server._intakes.append(intake)
        for _ in range(4):
            self.assertEqual(held, [])
            self.connection()[0].dataReceived(REQUEST)
        self.assertEqual(held, [True])
        self.clock.advance(exit_server.FRESH_SECONDS)
        self.assertEqual(held, [True, False])

    def test_a_head_that_does_not_end_is_not_kept(self) -> None:
        protocol, transport = self.connection()
        for _ in range(HEAD_LIMIT // 1024):
            protocol.dataReceived(b"x" * 1024)
        self.assertFalse(transport.disconnecting)
        protocol.dataReceived(b"x")
        self.assertTrue(transport.disconnecting)

    def test_who_sends_a_head_byte_by_byte_is_left_after_the_time_for_all_of_it(self) -> None:
        protocol, transport = self.connection()
        for _ in range(HANDSHAKE_SECONDS - 1):
            protocol.dataReceived(b"G")
            self.clock.advance(1)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_whoever_is_not_admitted_gives_way_to_those_who_come_later(self) -> None:
        self.patch(admission, "STRANGERS_LIMIT", 8)
        transports = [self.connection(source=f"192.0.2.{number}")[1] for number in range(8)]
        self.assertFalse(any(transport.disconnecting for transport in transports))
        others = [self.connection()[1] for _ in range(3)]
        gone = [transport.disconnecting for transport in (*transports, *others)]
        self.assertEqual((gone[:3], any(gone[3:])), ([True] * 3, False))

    def test_mute_ones_that_sent_their_request_give_way_too_and_those_of_one_source_only_to_each_other(self) -> None:
        self.patch(admission, "STRANGERS_OF_SOURCE_LIMIT", 4)
        other, _ = self.connection(source="192.0.2.9")
        mute = [self.connection(source=f"2001:db8::{number}") for number in range(4)]
        for protocol, transport in mute:
            protocol.dataReceived(REQUEST)
            self.assertIn(b"101", transport.value())
        self.connection(source="2001:db8::ffff")
        self.assertEqual([transport.disconnecting for _, transport in mute], [True, False, False, False])
        self.assertFalse(other.transport.disconnecting)
        self.connection(source="2001:db8:0:1::1")
        self.assertFalse(mute[1][1].disconnecting)

    def test_all_connections_together_are_bounded_and_one_that_ends_makes_room(self) -> None:
        self.server = EdgeServer(self.server.hub, self.server.identity, self.clock, os.urandom, 2)
        (first, _), _ = self.connection(), self.connection()
        self.assertIsNone(self.server.buildProtocol(None))
        first.connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(self.server.buildProtocol(None))

    def test_over_tls_they_are_bounded_too(self) -> None:
        server = EdgeServer(self.server.hub, self.server.identity, self.clock, os.urandom, 1)
        options = server_context(*write_certificate(Path(self.mktemp())), ())
        wrapped = TLSServerFactory(options, server)
        first: Any = wrapped.buildProtocol(None)
        first.makeConnection(StringTransport())
        self.assertIsNone(wrapped.buildProtocol(None))
        first.connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(wrapped.buildProtocol(None))

    def test_one_gives_way_once_though_it_is_lost_a_turn_later(self) -> None:
        self.patch(admission, "STRANGERS_LIMIT", 8)
        later: list[Any] = []
        transports = [self.connection(later)[1] for _ in range(8 + 3)]
        self.assertEqual(len(later), 3)
        self.assertEqual(len(self.server.strangers), 8)
        for lose in later:
            lose()
        gone = [transport.disconnecting for transport in transports]
        self.assertEqual((gone[:3], any(gone[3:])), ([True] * 3, False))

    def connection(self, later: list[Any] | None = None, source: str = "192.0.2.1") -> tuple[Any, Any]:
        """One that has just come; where it is broken off, it is lost when what is put into `later` is called."""
        protocol: Any = self.server.buildProtocol(None)
        transport: Any = StringTransport(peerAddress=IPv4Address("TCP", source, 4321))
        transport.setTcpNoDelay = lambda enabled: None

        def lose() -> None:
            if not transport.disconnecting:
                transport.loseConnection()
                protocol.connectionLost(Failure(ConnectionDone()))

        def abort() -> None:
            lose() if later is None else later.append(lose)

        transport.abortConnection, transport.unregisterProducer = abort, lambda: None
        protocol.makeConnection(transport)
        return protocol, transport

    def tearDown(self) -> None:
        self.server.stop()
        forget_batched_timers()


def forget_batched_timers() -> None:
    """Autobahn keeps some of its timers on the real reactor, where they would be found by the tests that come next."""
    for call in reactor.getDelayedCalls():
        if "_BatchedTimer" in str(call):
            call.cancel()
