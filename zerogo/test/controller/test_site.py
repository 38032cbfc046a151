import json

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from zerogo.controller.site import BODY_LIMIT, ControllerSite, LimitedRequest


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
        site = ControllerSite(self.echo, reactor=self.clock)
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
        self.channel = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert self.channel is not None
        self.channel.makeConnection(self.transport)

    def send(self, *parts: bytes) -> bytes:
        for part in parts:
            if not self.transport.disconnecting:
                self.channel.dataReceived(part)  # type: ignore[union-attr]
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
        self.send(b"GET / HT")
        self.clock.advance(61)
        self.assertTrue(self.transport.disconnecting)
