# -*- test-case-name: zerogo.test.controller.test_service -*-
"""The WebSocket for dashboards: Autobahn with every limit set, between the Site and the feed.

It opens with a ticket in the address, and where a browser names an origin, with one that is ours. What a dashboard
sends is not wanted: a message closes it. It produces for the transport, so as to learn when that does not keep up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from zope.interface import implementer

from zerogo.controller.browsers import Browsers
from zerogo.controller.caller import Caller
from zerogo.controller.live_feed import LiveFeed
from zerogo.controller.tickets import Tickets
from zerogo.net.bounded_close import BoundedClose
from zerogo.net.quiet_log import QuietLog

PING_SECONDS = 15
PING_TIMEOUT_SECONDS = 20
HANDSHAKE_SECONDS = 10
FRAME_LIMIT = 1024
"""Bytes of a frame from a dashboard, which has nothing to say but pongs and a close."""
VIEWERS_LIMIT = 256
VIEWERS_PER_CALLER = 32
TEXT = 1
"""The opcode (RFC 6455 section 5.2)."""
NOTHING_WANTED = 4400

_log = Logger()


@implementer(IPushProducer)
class _ViewerProtocol(BoundedClose):
    """One dashboard."""

    factory: LiveServer
    transport: Any
    caller: Caller
    since = 0.0
    log = QuietLog(_log)
    _is_open = False

    def onConnect(self, request: ConnectionRequest) -> None:
        self.caller = self.factory.admit(request)
        self.since = self.factory.unix_time()

    def onOpen(self) -> None:
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self._is_open = True
        self.factory.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.close(NOTHING_WANTED, "a dashboard only listens")

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self._is_open:
            self._is_open = False
            self.factory.closed(self)

    def send(self, message: bytes) -> None:
        # Not `sendMessage`: Autobahn's limit is for both directions, and ours is for what comes in.
        if self.state == self.STATE_OPEN:
            self.sendFrame(TEXT, message)

    def close(self, code: int, reason: str) -> None:
        if self.state == self.STATE_OPEN:
            self.sendClose(code, reason)

    def pauseProducing(self) -> None:
        self.factory.feed.congestion_changed(self, True)

    def resumeProducing(self) -> None:
        self.factory.feed.congestion_changed(self, False)

    def stopProducing(self) -> None:
        """The transport is gone; `onClose` follows."""


class LiveServer(WebSocketServerFactory):
    """All dashboards' WebSockets of a controller."""

    protocol = _ViewerProtocol  # type: ignore[assignment]

    def __init__(
        self,
        feed: LiveFeed,
        tickets: Tickets,
        browsers: Browsers,
        reactor: IReactorTime,
        unix_time: Callable[[], float],
    ) -> None:
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        self.feed = feed
        self.unix_time = unix_time
        self._tickets = tickets
        self._browsers = browsers
        self._viewers: dict[_ViewerProtocol, None] = {}
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            webStatus=False,
            maxFramePayloadSize=FRAME_LIMIT,
            maxMessagePayloadSize=FRAME_LIMIT,
            maxConnections=2 * VIEWERS_LIMIT,
            requireMaskedClientFrames=True,
            autoPingInterval=PING_SECONDS,
            autoPingTimeout=PING_TIMEOUT_SECONDS,
            openHandshakeTimeout=HANDSHAKE_SECONDS,
            closeHandshakeTimeout=HANDSHAKE_SECONDS,
            trustXForwardedFor=0,
            tcpNoDelay=True,
        )

    def web_resource(self) -> IResource:
        """What to hang into a Site."""
        self.startFactory()  # type: ignore[no-untyped-call]
        resource: IResource = WebSocketResource(self)  # type: ignore[no-untyped-call]
        return resource

    def admit(self, request: ConnectionRequest) -> Caller:
        """Who opens this WebSocket; raises `ConnectionDeny`."""
        if request.origin and not self._browsers.is_ours(request.origin, str(request.headers.get("host", ""))):
            raise _deny(ConnectionDeny.FORBIDDEN, "a page of another origin")
        ticket = next(iter(request.params.get("ticket", ())), "")
        caller = self._tickets.redeem(ticket, float(self.reactor.seconds()))
        if caller is None:
            raise _deny(401, "the ticket is not known, was used, or its time is over")
        own = sum(viewer.caller.user_id == caller.user_id for viewer in self._viewers)
        if own >= VIEWERS_PER_CALLER or len(self._viewers) >= VIEWERS_LIMIT:
            raise _deny(ConnectionDeny.SERVICE_UNAVAILABLE, "too many dashboards are open")
        return caller

    def opened(self, viewer: _ViewerProtocol) -> None:
        """A WebSocket is open."""
        self._viewers[viewer] = None
        self.feed.join(viewer)

    def closed(self, viewer: _ViewerProtocol) -> None:
        """A WebSocket is closed."""
        self._viewers.pop(viewer, None)
        self.feed.leave(viewer)


def _deny(status: int, reason: str) -> ConnectionDeny:
    return ConnectionDeny(status, reason)  # type: ignore[no-untyped-call]
