"""Agents, edges and dashboards that send a Close and read nothing more."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.live_socket import LiveServer
from zerogo.net.bounded_close import BoundedClose
from zerogo.net.control_server import ControlServer
from zerogo.net.exit_server import EdgeServer
from zerogo.test.net.test_control_server import CLOSE, UPGRADE, ClockTimer, Transport, frame

SECONDS = 10


class BoundedCloseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ClockTimer()
        factory = WebSocketServerFactory(server="", reactor=self.clock)
        factory.protocol = BoundedClose
        factory._batched_timer = self.clock
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=SECONDS)
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.protocol: Any = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(UPGRADE + b"\r\n")
        self.protocol.dataReceived(frame(CLOSE))

    def test_what_is_held_for_a_peer_that_closes_may_be_written(self) -> None:
        self.assertEqual((self.transport.disconnecting, self.transport.disconnected), (True, False))
        self.clock.advance(SECONDS - 1)
        self.assertFalse(self.transport.disconnected)

    def test_one_that_does_not_take_it_is_cut_off(self) -> None:
        self.clock.advance(SECONDS)
        self.assertTrue(self.transport.disconnected)

    def test_whoever_cannot_wait_cuts_it_off_at_once(self) -> None:
        self.protocol.dropConnection(abort=True)
        self.assertTrue(self.transport.disconnected)

    def test_nothing_is_waited_for_when_the_connection_is_gone(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionAborted()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_servers_end_so(self) -> None:
        for server in (ControlServer, EdgeServer, LiveServer):
            self.assertTrue(issubclass(server.protocol, BoundedClose), server.__name__)
