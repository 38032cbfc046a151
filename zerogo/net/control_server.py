# -*- test-case-name: zerogo.test.net.test_control_server -*-
"""The controller's WebSocket end for agents: Autobahn, with every limit set, between a Site and a coordinator.

Autobahn's own defaults are unlimited messages, frames and connections, any origin, and a status page. Its pings are not
used: who owns the connections pings each within the channel and closes one whose channel does not open in time, and
Autobahn would ping all that were opened within 0.2 s at the same moment, a quarter of a millisecond of work each. A
browser always sends an Origin header, an agent never does: a connection with one is refused, so no web page can reach
this end through somebody's browser.

Whoever does not read is not read from: while the transport's buffer is full, nothing more is taken from that agent, so
the answers to its pings cannot pile up either, and the ping that it does not answer ends it. Frames that are not
messages (pings, pongs, continuations) are counted here, messages by the coordinator. What strangers do wrong is worth
a word in the log at level debug only: they can do it as often as they like.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import IResource
from zope.interface import implementer

from zerogo.control.channel import FRAME_LIMIT
from zerogo.control.connection import TokenBucket
from zerogo.net.bounded_close import BoundedClose
from zerogo.net.quiet_log import QuietLog
from zerogo.net.tcp import repeat_soon, write_now

SUBPROTOCOL = "zerogo.1"
FORWARDED_HEADER = "x-forwarded-for"
CONNECTIONS_LIMIT = 8192
HANDSHAKE_SECONDS = 10
CLOSE_CODE = 1000
REASON_LIMIT = 100
"""Bytes of a close reason; the protocol has room for 123."""
PINGS_PER_SECOND, PINGS_BURST = 2.0, 64.0
"""WebSocket pings and pongs that an agent may send."""
CONTINUATIONS_LIMIT = 64
"""Frames that one message may be cut into by what is between agent and controller."""
FINAL_BINARY = 0x82
SHORT_LENGTH = 125

_log = Logger()


class AgentConnections(Protocol):
    """Who is told about connections; numbers are never reused."""

    def connection_opened(self, number: int, source: str) -> None: ...

    def message_received(self, number: int, data: bytes) -> None: ...

    def connection_closed(self, number: int) -> None: ...

    def congestion_changed(self, number: int, is_congested: bool) -> None: ...


def frame_head(length: int) -> bytes:
    """What stands before a binary message of `length` bytes, sent whole and not masked (RFC 6455, section 5.2)."""
    if length <= SHORT_LENGTH:
        return struct.pack("!BB", FINAL_BINARY, length)
    if length < 2**16:
        return struct.pack("!BBH", FINAL_BINARY, 126, length)
    return struct.pack("!BBQ", FINAL_BINARY, 127, length)


@implementer(IPushProducer)
class _AgentProtocol(BoundedClose):
    """One WebSocket. It produces for the transport, so as to learn when the transport's buffer is full."""

    factory: ControlServer
    transport: Any
    number = 0
    source = ""
    """The host that dialled, where a proxy between could say."""
    log = QuietLog(_log)
    _pings: TokenBucket | None = None
    _continuations = 0

    def onConnect(self, request: ConnectionRequest) -> str | None:
        if request.origin:
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "agents only")  # type: ignore[no-untyped-call]
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def onOpen(self) -> None:
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        repeat_soon(self.transport)
        self.number = self.factory.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.factory.connections.message_received(self.number, payload)
        else:
            self.sendClose(CLOSE_CODE, "binary messages only")

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        self._continuations = 0

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        self._continuations += 1
        if self._continuations > CONTINUATIONS_LIMIT:
            self.dropConnection(abort=True)

    def onPing(self, payload: bytes) -> None:
        if self._may_ping():
            super().onPing(payload)

    def onPong(self, payload: bytes) -> None:
        self._may_ping()

    def _may_ping(self) -> bool:
        now = self.factory.reactor.seconds()
        self._pings = self._pings or TokenBucket(PINGS_PER_SECOND, PINGS_BURST, now)
        if self._pings.take(now):
            return True
        self.dropConnection(abort=True)
        return False

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.number:
            self.factory.closed(self.number)
            self.number = 0

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()
        self.factory.connections.congestion_changed(self.number, True)

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()
        self.factory.connections.congestion_changed(self.number, False)

    def stopProducing(self) -> None:
        """The transport is gone; `onClose` follows."""


class _AgentsResource(WebSocketResource):
    """Also notes where a request comes from, by the headers as the Site read them. Autobahn reads them a second time,
    and begins a new header where a form feed stands in another one: anybody could write one that a proxy seems to have
    added."""

    def __init__(self, server: ControlServer) -> None:
        super().__init__(server)  # type: ignore[no-untyped-call]
        self._server = server

    def render(self, request: Request) -> Any:
        host = str(getattr(request.getClientAddress(), "host", ""))
        forwarded = request.requestHeaders.getRawHeaders(FORWARDED_HEADER, ())
        self._server.arriving = self._server.source_of(host, forwarded)
        try:
            return super().render(request)  # type: ignore[no-untyped-call]
        finally:
            self._server.arriving = ""


class ControlServer(WebSocketServerFactory):
    """All agents' WebSockets of a controller."""

    protocol = _AgentProtocol  # type: ignore[assignment]

    def __init__(
        self,
        connections: AgentConnections,
        reactor: IReactorTime,
        source_of: Callable[[str, Iterable[str]], str] = lambda host, forwarded: host,
    ) -> None:
        """`source_of` says where a request comes from that came from a host with such headers `X-Forwarded-For`."""
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        self.connections = connections
        self.source_of = source_of
        self.arriving = ""
        """Where the request comes from that becomes a WebSocket at this moment."""
        self._protocols: dict[int, _AgentProtocol] = {}
        self._last_number = 0
        self.bytes_sent = 0
        self.messages_sent = 0
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            webStatus=False,
            maxFramePayloadSize=FRAME_LIMIT,
            maxMessagePayloadSize=FRAME_LIMIT,
            maxConnections=CONNECTIONS_LIMIT,
            requireMaskedClientFrames=True,
            openHandshakeTimeout=HANDSHAKE_SECONDS,
            closeHandshakeTimeout=HANDSHAKE_SECONDS,
            allowedOrigins=[],
            allowNullOrigin=False,
            trustXForwardedFor=0,
            tcpNoDelay=True,
        )

    def web_resource(self) -> IResource:
        """What to hang into a Site."""
        self.startFactory()  # type: ignore[no-untyped-call]
        resource: IResource = _AgentsResource(self)
        return resource

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A WebSocket that is not open."""
        protocol: Any = super().buildProtocol(addr)
        if protocol is not None:
            protocol.source = self.arriving
        return protocol

    def opened(self, protocol: _AgentProtocol) -> int:
        """A WebSocket is open; gives it its number."""
        self._last_number += 1
        number = self._last_number
        self._protocols[number] = protocol
        source = protocol.source or str(getattr(protocol.transport.getPeer(), "host", ""))
        self.connections.connection_opened(number, source)
        return number

    def closed(self, number: int) -> None:
        """A WebSocket is closed."""
        if self._protocols.pop(number, None) is not None:
            self.connections.connection_closed(number)

    def send(self, number: int, data: bytes) -> None:
        """Send a binary message; ignored where the connection is gone."""
        protocol = self._protocols.get(number)
        if protocol is not None and protocol.state == protocol.STATE_OPEN:
            self.bytes_sent += len(data)
            self.messages_sent += 1
            write_now(protocol.transport, [frame_head(len(data)) + data])

    def close(self, number: int, reason: str, is_abrupt: bool) -> None:
        """Send what is queued, then close; with `is_abrupt` without a word and without waiting for the other end."""
        protocol = self._protocols.get(number)
        if protocol is not None and is_abrupt:
            protocol.dropConnection(abort=True)
        elif protocol is not None and protocol.state == protocol.STATE_OPEN:
            protocol.sendClose(CLOSE_CODE, reason.encode()[:REASON_LIMIT].decode(errors="ignore"))
