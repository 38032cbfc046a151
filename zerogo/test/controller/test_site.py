import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from zerogo.controller import site
from zerogo.controller.site import (
    ABORT_SECONDS,
    BODY_LIMIT,
    CONNECTIONS_PER_ORIGIN,
    REQUEST_SECONDS,
    ControllerSite,
    LimitedRequest,
)


class Echo(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def render(self, request: LimitedRequest) -> bytes:
        self.calls += 1
        assert request.content is not None
        return b"%d" % len(request.content.read())


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.echo = Echo()
        self.clock = Clock()
        self.site = ControllerSite(self.echo, reactor=self.clock)
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.channel = self.connect("192.0.2.1", self.transport)

    def connect(self, host: str, transport: StringTransport | None = None) -> Any:
        channel = self.site.buildProtocol(IPv4Address("TCP", host, 1))
        if channel is not None:
            channel.makeConnection(transport or StringTransport())
        return channel

    def send(self, *parts: bytes) -> bytes:
        for part in parts:
            if not self.transport.disconnecting:
                self.channel.dataReceived(part)
        return self.transport.value()

    def refused(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 413 "), head)
        self.assertEqual(json.loads(body)["code"], "too-large")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.echo.calls, 0)

    def test_a_body_at_the_limit_is_taken(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT
        answer = self.send(head, bytes(BODY_LIMIT))
        self.assertIn(b"200 OK", answer)
        self.assertTrue(answer.endswith(b"%d" % BODY_LIMIT))

    def test_a_body_announced_too_long_is_refused_before_it_comes(self) -> None:
        self.refused(self.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)))

    def test_a_chunked_body_is_refused_once_it_is_too_long(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        self.refused(self.send(head, *[chunk] * 20, b"0\r\n\r\n"))

    def test_nothing_says_what_serves(self) -> None:
        self.assertNotIn(b"server:", self.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").lower())

    def test_an_idle_connection_is_closed(self) -> None:
        self.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.clock.advance(REQUEST_SECONDS + 1)
        self.assertTrue(self.transport.disconnecting)

    def test_a_request_that_trickles_in_is_cut_off_in_time(self) -> None:
        for part in (b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"A: b\r\n"):
            self.send(part)
            self.assertFalse(self.transport.disconnecting)
            self.clock.advance(REQUEST_SECONDS / 3 + 1)
        self.assertTrue(self.transport.disconnecting)
        self.clock.advance(ABORT_SECONDS + 1)
        self.assertTrue(self.transport.disconnected)

    def test_one_host_has_so_many_connections_and_others_have_theirs(self) -> None:
        channels = [self.connect("192.0.2.9") for _ in range(CONNECTIONS_PER_ORIGIN)]
        self.assertNotIn(None, channels)
        self.assertIsNone(self.connect("192.0.2.9"))
        self.assertIsNotNone(self.connect("192.0.2.10"))
        channels[0].connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(self.connect("192.0.2.9"))
        self.assertIsNone(self.connect("192.0.2.9"))

    def test_an_agents_websocket_is_not_counted(self) -> None:
        for _ in range(CONNECTIONS_PER_ORIGIN * 2):
            channel = self.connect("192.0.2.9")
            channel.transport = None

    def test_all_hosts_together_have_so_many_connections(self) -> None:
        self.patch(site, "CONNECTIONS_LIMIT", 5)
        made = [self.connect(f"192.0.2.{number}") for number in range(10)]
        self.assertEqual([channel is not None for channel in made], [True] * 4 + [False] * 6)

    def test_what_is_not_utf8_is_refused_before_it_is_looked_at(self) -> None:
        for request in (
            b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n",
        ):
            self.setUp()
            head, _, body = self.send(request).partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 400 "), head)
            self.assertEqual(json.loads(body)["code"], "bad-request")
            self.assertTrue(self.transport.disconnecting)
            self.assertEqual(self.echo.calls, 0)

    def test_forms_are_not_parsed(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 4\r\n\r\n"
        self.assertIn(b"200 OK", self.send(head, b"a=1&"))
