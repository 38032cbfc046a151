# -*- test-case-name: zerogo.test.net.test_greeting -*-
"""Who answers at the controller's address, how far its clock is off, and how long a connection takes.

The controller shows its keys right after the WebSocket is up (docs/PROTOCOL.md, "Control channel"); their hash is known
from the join token. A portal or a proxy shows a page instead. Its clock is read from the `Date` of an HTTP answer.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.control.channel import FRAME_LIMIT, Hello
from zerogo.control.token import controller_key_hash
from zerogo.core import RandomBytes
from zerogo.errors import ParseError
from zerogo.net.dial import ControllerAddress
from zerogo.net.websocket import MessageReceived, WebSocketClient
from zerogo.reach.network import ControllerFacts, Greeting

GREETING_SECONDS = 2.2
HEAD_LIMIT = 8192
HEALTH_PATH = "/api/v1/health"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
_DATE = re.compile(rb"\r\nDate:[ \t]*([^\r\n]{1,64})\r\n", re.I)

Endpoints = Callable[[ControllerAddress], IStreamClientEndpoint]


class _Conversation(Protocol):
    """A connection that is closed when `heard` has had enough, or the other end has."""

    transport: Any

    def __init__(self, first: bytes, heard: Callable[[bytes], bool], ended: Callable[[], object]) -> None:
        """`heard` is given each piece, and says whether that was all."""
        self._first = first
        self._heard = heard
        self._ended = ended

    def connectionMade(self) -> None:
        self.transport.write(self._first)

    def dataReceived(self, data: bytes) -> None:
        if self._heard(data):
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._ended()


def _converse(
    reactor: Any, endpoint: IStreamClientEndpoint, first: bytes, heard: Callable[[bytes], bool]
) -> Deferred[float | None]:
    """Fires when the conversation is over: with the seconds that connecting took, None where that failed."""
    begun = reactor.seconds()
    over: Deferred[float | None] = Deferred()
    took: list[float] = []

    def end() -> None:
        if not over.called:
            over.callback(took[0] if took else None)

    def connected(protocol: _Conversation) -> None:
        took.append(reactor.seconds() - begun)
        if over.called:
            protocol.transport.abortConnection()

    factory: Factory[_Conversation] = Factory.forProtocol(lambda: _Conversation(first, heard, end))
    connecting: Deferred[Any] = endpoint.connect(factory)
    connecting.addCallbacks(connected, lambda failure: end())
    late = reactor.callLater(GREETING_SECONDS, end)
    return over.addCallback(_cancelled(late))


def _cancelled(late: Any) -> Callable[[float | None], float | None]:
    def cancel(took: float | None) -> float | None:
        if late.active():
            late.cancel()
        return took

    return cancel


class _GreetingHeard:
    """Judges what comes on the WebSocket's connection."""

    def __init__(self, client: WebSocketClient, key_hash: bytes) -> None:
        self._client = client
        self._key_hash = key_hash
        self._head = bytearray()
        self.greeting = Greeting.SILENT
        self.detail = ""

    def __call__(self, data: bytes) -> bool:
        self._head += data[: HEAD_LIMIT - len(self._head)]
        try:
            self._client.receive(data)
            for event in self._client.events():
                if isinstance(event, MessageReceived):
                    self._judge(Hello.parse(event.payload))
                    return True
        except ParseError:
            status = _STATUS.match(self._head)
            self.greeting = Greeting.INTERCEPTED
            self.detail = f"HTTP {status[1].decode('ascii')}" if status else "no HTTP"
            return True
        return False

    def _judge(self, hello: Hello) -> None:
        shown = controller_key_hash(hello.static_public, hello.signing_public)
        is_ours = hmac.compare_digest(shown, self._key_hash)
        self.greeting = Greeting.GENUINE if is_ours else Greeting.FOREIGN


class _DateHeard:
    """Reads the clock in the head of an HTTP answer."""

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self._unix_time = unix_time
        self._head = bytearray()
        self.skew: float | None = None

    def __call__(self, data: bytes) -> bool:
        self._head += data[: HEAD_LIMIT - len(self._head)]
        if b"\r\n\r\n" not in self._head and len(self._head) < HEAD_LIMIT:
            return False
        self.skew = parse_skew(bytes(self._head), self._unix_time())
        return True


def parse_skew(head: bytes, unix_time: float) -> float | None:
    """The other end's clock minus ours, from the head of an HTTP answer; None where it does not say."""
    found = _DATE.search(head)
    try:
        # Half a second, since the header is cut down to whole ones.
        return None if found is None else parsedate_to_datetime(found[1].decode("ascii")).timestamp() + 0.5 - unix_time
    except (ValueError, TypeError, OverflowError):
        return None


def greet(
    reactor: Any,
    address: ControllerAddress,
    key_hash: bytes,
    *,
    endpoint_of: Endpoints,
    rng: RandomBytes,
    unix_time: Callable[[], float],
) -> Deferred[ControllerFacts]:
    """Find out who answers at one of the controller's addresses; never fails."""
    client = WebSocketClient(host=address.netloc, path=address.path, rng=rng, message_limit=FRAME_LIMIT)
    heard, dated = _GreetingHeard(client, key_hash), _DateHeard(unix_time)
    get = f"GET {HEALTH_PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode("ascii")
    both = [
        _converse(reactor, endpoint_of(address), b"".join(client.outgoing()), heard),
        _converse(reactor, endpoint_of(address), get, dated),
    ]

    def judge(results: list[tuple[bool, float | None]]) -> ControllerFacts:
        facts = ControllerFacts(address=str(address), greeting=heard.greeting, detail=heard.detail)
        # Another server's clock says nothing.
        is_genuine = heard.greeting is Greeting.GENUINE
        return evolve(facts, rtt=results[0][1], skew=dated.skew if is_genuine else None)

    return DeferredList(both).addCallback(judge)


@implementer(IHandshakeListener)
class _Visit(Protocol):
    """A connection that is ended as soon as it is there."""

    transport: Any

    def __init__(self, arrived: Callable[[], object]) -> None:
        self._arrived = arrived

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        self._arrived()
        self.transport.abortConnection()


class _PlainVisit(Protocol):
    """The same, where TCP is all."""

    transport: Any

    def __init__(self, arrived: Callable[[], object]) -> None:
        self._arrived = arrived

    def connectionMade(self) -> None:
        self._arrived()
        self.transport.abortConnection()


def connecting_time(reactor: Any, endpoint: IStreamClientEndpoint, *, is_tls: bool) -> Deferred[float | None]:
    """How long a connection to a relay takes, with the TLS handshake where `endpoint` speaks that; seconds.

    None where there is none in time. Nothing is said on it, so nothing hangs on who is there.
    """
    begun = reactor.seconds()
    done: Deferred[float | None] = Deferred()

    def end(took: float | None) -> None:
        if not done.called:
            done.callback(took)

    def arrived() -> None:
        end(reactor.seconds() - begun)

    waiting = reactor.callLater(GREETING_SECONDS, end, None)
    kind = _Visit if is_tls else _PlainVisit
    factory: Factory[Any] = Factory.forProtocol(lambda: kind(arrived))
    endpoint.connect(factory).addErrback(lambda failure: end(None))
    return done.addCallback(_cancelled(waiting))
