"""What the gateway's end for edges does before an edge is there; the rest is in `integration.test_exits`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from autobahn.websocket.protocol import WebSocketServerProtocol
from twisted.internet import reactor as installed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.exit_server import HANDSHAKE_SECONDS, SILENT_LIMIT, UNADMITTED_ENOUGH, EdgeServer
from zerogo.net.listening import TLSServerFactory, server_context
from zerogo.net.websocket import HEAD_LIMIT
from zerogo.noise.identity import Identity
from zerogo.test.net.certificates import write_certificate

reactor: Any = installed


class Port:
    """As far as it is held."""

    connected = True
    socket = Mock()
    doRead: Any

    def __init__(self) -> None:
        self.is_reading = True

    def startReading(self) -> None:
        self.is_reading = True

    def stopReading(self) -> None:
        self.is_reading = False


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

    def test_while_enough_wait_none_are_accepted_until_half_are_through(self) -> None:
        port = Port()
        self.server.take_at(port, is_plain=True)
        for _ in range(UNADMITTED_ENOUGH - 1):
            self.server.waiting(1)
        self.assertTrue(port.is_reading)
        self.server.waiting(1)
        self.assertFalse(port.is_reading)
        self.server.waiting(-UNADMITTED_ENOUGH // 2)
        self.assertFalse(port.is_reading)
        self.server.waiting(-1)
        self.assertTrue(port.is_reading)

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

    def test_whoever_only_connects_gives_way_to_those_who_come_later(self) -> None:
        transports = [self.connection()[1] for _ in range(SILENT_LIMIT)]
        self.assertFalse(any(transport.disconnecting for transport in transports))
        others = [self.connection()[1] for _ in range(3)]
        gone = [transport.disconnecting for transport in (*transports, *others)]
        self.assertEqual((gone[:3], any(gone[3:])), ([True] * 3, False))

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

    def test_a_silent_one_gives_way_once_though_it_is_lost_a_turn_later(self) -> None:
        later: list[Any] = []
        transports = [self.connection(later)[1] for _ in range(SILENT_LIMIT + 3)]
        self.assertEqual(len(later), 3)
        self.assertEqual(len(self.server.silent), SILENT_LIMIT)
        for lose in later:
            lose()
        gone = [transport.disconnecting for transport in transports]
        self.assertEqual((gone[:3], any(gone[3:])), ([True] * 3, False))

    def connection(self, later: list[Any] | None = None) -> tuple[Any, Any]:
        """One that has just come; where it is broken off, it is lost when what is put into `later` is called."""
        protocol: Any = self.server.buildProtocol(None)
        transport: Any = StringTransport()

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
