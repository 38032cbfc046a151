# -*- test-case-name: zerogo.test.controller.test_service -*-
"""The controller's WebSocket end for agents: Autobahn, with every limit set, between a Site and a coordinator.

Autobahn's own defaults are unlimited messages, frames and connections, any origin, a status page, and no pings. A
browser always sends an Origin header, an agent never does: a connection with one is refused, so no web page can reach
this end through somebody's browser.
"""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.web.resource import IResource
from zope.interface import implementer

from zerogo.control.channel import FRAME_LIMIT

SUBPROTOCOL = "zerogo.1"
CONNECTIONS_LIMIT = 8192
PING_SECONDS = 30
"""Autobahn's own pings, below ours: they close a connection whose peer is gone before the channel was open."""
PING_TIMEOUT_SECONDS = 25
HANDSHAKE_SECONDS = 10
CLOSE_CODE = 1000
REASON_LIMIT = 100
"""Bytes of a close reason; the protocol has room for 123."""


class AgentConnections(Protocol):
    """Who is told about connections; numbers are never reused."""

    def connection_opened(self, number: int, source: str) -> None: ...

    def message_received(self, number: int, data: bytes) -> None: ...

    def connection_closed(self, number: int) -> None: ...

    def congestion_changed(self, number: int, is_congested: bool) -> None: ...


@implementer(IPushProducer)
class _AgentProtocol(WebSocketServerProtocol):
    """One WebSocket. It produces for the transport, so as to learn when the transport's buffer is full."""

    factory: ControlServer
    transport: Any
    number = 0

    def onConnect(self, request: ConnectionRequest) -> str | None:
        if request.origin:
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "agents only")  # type: ignore[no-untyped-call]
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def onOpen(self) -> None:
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self.number = self.factory.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.factory.connections.message_received(self.number, payload)
        else:
            self.sendClose(CLOSE_CODE, "binary messages only")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.number:
            self.factory.closed(self.number)
            self.number = 0

    def pauseProducing(self) -> None:
        self.factory.connections.congestion_changed(self.number, True)

    def resumeProducing(self) -> None:
        self.factory.connections.congestion_changed(self.number, False)

    def stopProducing(self) -> None:
        """The transport is gone; `onClose` follows."""


class ControlServer(WebSocketServerFactory):
    """All agents' WebSockets of a controller."""

    protocol = _AgentProtocol  # type: ignore[assignment]

    def __init__(self, connections: AgentConnections, reactor: IReactorTime) -> None:
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        self.connections = connections
        self._protocols: dict[int, _AgentProtocol] = {}
        self._last_number = 0
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            webStatus=False,
            maxFramePayloadSize=FRAME_LIMIT,
            maxMessagePayloadSize=FRAME_LIMIT,
            maxConnections=CONNECTIONS_LIMIT,
            requireMaskedClientFrames=True,
            autoPingInterval=PING_SECONDS,
            autoPingTimeout=PING_TIMEOUT_SECONDS,
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
        resource: IResource = WebSocketResource(self)  # type: ignore[no-untyped-call]
        return resource

    def opened(self, protocol: _AgentProtocol) -> int:
        """A WebSocket is open; gives it its number."""
        self._last_number += 1
        number = self._last_number
        self._protocols[number] = protocol
        self.connections.connection_opened(number, str(getattr(protocol.transport.getPeer(), "host", "")))
        return number

    def closed(self, number: int) -> None:
        """A WebSocket is closed."""
        if self._protocols.pop(number, None) is not None:
            self.connections.connection_closed(number)

    def send(self, number: int, data: bytes) -> None:
        """Send a binary message; ignored where the connection is gone."""
        protocol = self._protocols.get(number)
        if protocol is not None and protocol.state == protocol.STATE_OPEN:
            protocol.sendMessage(data, isBinary=True)  # type: ignore[no-untyped-call]

    def close(self, number: int, reason: str) -> None:
        """Send what is queued, then close."""
        protocol = self._protocols.get(number)
        if protocol is not None and protocol.state == protocol.STATE_OPEN:
            protocol.sendClose(CLOSE_CODE, reason.encode()[:REASON_LIMIT].decode(errors="ignore"))
