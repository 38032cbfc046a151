"""What the gateway's end for edges does before an edge is there; the rest is in `integration.test_exits`."""

from __future__ import annotations

import os
from typing import Any

from autobahn.websocket.protocol import WebSocketServerProtocol
from twisted.internet import reactor as installed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.exit_server import UNADMITTED_ENOUGH, EdgeServer
from zerogo.net.websocket import HEAD_LIMIT
from zerogo.noise.identity import Identity

reactor: Any = installed


class Port:
    connected = True

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
        self.server.ports.append(port)
        for _ in range(UNADMITTED_ENOUGH - 1):
            self.server.waiting(1)
        self.assertTrue(port.is_reading)
        self.server.waiting(1)
        self.assertFalse(port.is_reading)
        self.server.waiting(-UNADMITTED_ENOUGH // 2)
        self.assertFalse(port.is_reading)
        self.server.waiting(-1)
        self.assertTrue(port.is_reading)

    def test_a_port_that_is_closed_is_left_alone(self) -> None:
        port = Port()
        port.connected = False
        self.server.ports.append(port)
        self.server.waiting(UNADMITTED_ENOUGH)
        self.assertTrue(port.is_reading)

    def test_a_head_that_does_not_end_is_not_kept(self) -> None:
        protocol: Any = self.server.buildProtocol(None)
        transport: Any = StringTransport()
        transport.abortConnection, transport.unregisterProducer = transport.loseConnection, lambda: None
        protocol.makeConnection(transport)
        for _ in range(HEAD_LIMIT // 1024):
            protocol.dataReceived(b"x" * 1024)
        self.assertFalse(transport.disconnecting)
        protocol.dataReceived(b"x")
        self.assertTrue(transport.disconnecting)
        for call in self.clock.getDelayedCalls():
            call.cancel()
        forget_batched_timers()


def forget_batched_timers() -> None:
    """Autobahn keeps some of its timers on the real reactor, where they would be found by the tests that come next."""
    for call in reactor.getDelayedCalls():
        if "_BatchedTimer" in str(call):
            call.cancel()
