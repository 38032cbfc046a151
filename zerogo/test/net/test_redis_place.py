"""Redis is connected to again after whatever went wrong."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.net import redis_claims
from zerogo.net.redis_claims import RedisClaims
from zerogo.net.redis_notices import RedisNotices
from zerogo.net.redis_place import TELL_SECONDS, Seldom
from zerogo.secret import Secret

reactor: Any = installed


class Server(Factory):
    """Answers the words of each connection by the next of `ways`, the last one for all further ones."""

    def __init__(self, *ways: str) -> None:
        self.ways = list(ways)
        self.heard: list[bytes] = []

    def buildProtocol(self, addr: object) -> Protocol:
        made = Connection()
        made.server = self
        made.way = self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]
        return made


class Connection(Protocol):
    server: Server
    way: str

    def dataReceived(self, data: bytes) -> None:
        self.server.heard.append(data)
        if self.way == "away":
            self.transport.abortConnection()  # type: ignore[union-attr]
        elif self.way != "silent":
            self.transport.write(self.way.encode())  # type: ignore[union-attr]


class PlaceTests(TestCase):
    timeout = 60

    def serve(self, *ways: str) -> tuple[Server, int]:
        server = Server(*ways)
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return server, port.getHost().port

    def claims(self, url: str) -> Deferred[None]:
        """Claims are kept there, until the end; fires when Redis let us in."""
        claims = RedisClaims(Secret(url), reactor, b"k" * 32)
        here: Deferred[None] = Deferred()
        claims.on_forgotten = lambda: here.callback(None)
        claims.settle = lambda request: here  # type: ignore[method-assign,assignment,return-value]
        claims.start()
        self.addCleanup(claims.stop)
        return here

    async def test_a_password_that_got_no_answer_once_is_said_again(self) -> None:
        self.patch(redis_claims, "REPLY_SECONDS", 0.2)
        server, port = self.serve("silent", "away", "-LOADING\r\n", "+OK\r\n")
        await self.claims(f"redis://:pw@127.0.0.1:{port}")
        self.assertGreaterEqual(len(server.heard), 4)
        self.flushLoggedErrors()

    async def test_controllers_hear_each_other_after_a_password_that_got_no_answer(self) -> None:
        _, port = self.serve("away", "-LOADING\r\n", "away", "+OK\r\n")
        begun: Deferred[None] = Deferred()
        notices = RedisNotices(
            Secret(f"redis://:pw@127.0.0.1:{port}"), reactor, lambda message: None, lambda: begun.callback(None)
        )
        notices.start()
        self.addCleanup(notices.stop)
        await begun
        self.flushLoggedErrors()

    async def test_the_database_is_the_one_of_the_url(self) -> None:
        server, port = self.serve("+OK\r\n")
        await self.claims(f"redis://127.0.0.1:{port}/3")
        self.assertEqual(server.heard, [b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"])


class SeldomTests(SynchronousTestCase):
    def test_the_log_is_told_once_a_minute(self) -> None:
        clock = Clock()
        seldom = Seldom(clock)
        told = []
        for _ in range(130):
            told.append(seldom.may())
            clock.advance(1.0)
        self.assertEqual(
            [second for second, so in enumerate(told) if so], [0, int(TELL_SECONDS), 2 * int(TELL_SECONDS)]
        )
