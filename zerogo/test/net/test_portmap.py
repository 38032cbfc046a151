"""Finding the gateway, and an HTTP call to it."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.addresses import Interfaces
from zerogo.net.netlink import Link, Route
from zerogo.net.portmap import Gateway, _Call, find_gateway
from zerogo.portmap.http import HttpAnswer
from zerogo.portmap.upnp import CALL_SECONDS

LINKS = [Link(2, "eth0", 0x43), Link(3, "zerogo0", 0x43, "tun")]


def interfaces(*routes: Route) -> Interfaces:
    return Interfaces(links=LINKS, addresses=[], default_routes=routes)


class GatewayTests(SynchronousTestCase):
    """Whom to ask."""

    def test_the_router_of_the_default_route_is_asked(self) -> None:
        found = find_gateway(interfaces(Route(2, "192.168.7.2", "192.168.7.1")))
        self.assertEqual(found, Gateway("192.168.7.1", "192.168.7.2"))

    def test_without_an_ipv4_router_nobody_is(self) -> None:
        for route in (Route(2, "192.168.7.2"), Route(2, "2001:db8::2", "fe80::1"), Route(None, None)):
            self.assertIsNone(find_gateway(interfaces(route)))
        self.assertIsNone(find_gateway(interfaces()))

    def test_the_mesh_itself_is_no_way_out(self) -> None:
        route = Route(3, "10.0.0.2", "10.0.0.1")
        self.assertIsNone(find_gateway(interfaces(route), ["zerogo*"]))


class CallTests(SynchronousTestCase):
    """One request, one answer, told once."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.answers: list[HttpAnswer | None] = []
        self.call = _Call(b"GET / HTTP/1.1\r\n\r\n", self.answers.append, self.clock)
        self.transport = StringTransport()
        self.call.makeConnection(self.transport)

    def test_answer_in_pieces_is_told_when_it_is_whole(self) -> None:
        self.assertEqual(self.transport.value(), b"GET / HTTP/1.1\r\n\r\n")
        for piece in (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 2\r\n\r\no", b"k", b"k"):
            self.call.dataReceived(piece)
        self.assertEqual(self.answers, [HttpAnswer(200, b"ok")])
        self.assertTrue(self.transport.disconnecting or self.transport.disconnected)

    def test_no_answer_is_told_too(self) -> None:
        self.call.connectionLost()
        self.assertEqual(self.answers, [None])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_garbage_ends_the_call(self) -> None:
        self.call.dataReceived(b"\0" * 200_000)
        self.assertEqual(self.answers, [None])

    def test_slow_servers_are_hung_up_on(self) -> None:
        self.call.dataReceived(b"HTTP/1.1 200 OK\r\n")
        self.clock.advance(CALL_SECONDS)
        self.assertTrue(self.transport.disconnecting or self.transport.disconnected)
