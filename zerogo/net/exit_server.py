# -*- test-case-name: zerogo.test.net.test_exit_server -*-
"""The gateway's WebSocket end for edges: Autobahn, with every limit set; below it the sealed channel and the tunnel.

    OPEN -channel open, join-> ADMITTING -welcome-> ATTACHED: messages go to the tunnel

Reading never stops: what arrives is bounded by credit. Writing does while the transport's buffer is full; then what
waits, waits in the tunnel, where it is ordered by turns.
"""

from __future__ import annotations

from typing import Any, Protocol

import autobahn.util
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket import USES_NVX
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.control.channel import EXIT, FRAME_LIMIT, ChannelResponder
from zerogo.control.connection import origin_of
from zerogo.core import RandomBytes
from zerogo.errors import RemoteError
from zerogo.exit.admission import Strangers
from zerogo.exit.greeting import Answer, Join, Refusal, emit_greeting, parse_join
from zerogo.exit.reason import Reason
from zerogo.exit.tunnel import GONE_SECONDS, GRACE_SECONDS, OVER
from zerogo.ids import NodeId
from zerogo.net.bounded_close import BoundedClose
from zerogo.net.exit_frames import CARRIER_READ_BYTES, PlainFrames, binary_head
from zerogo.net.exit_intake import EdgeIntake, LateEdges
from zerogo.net.exit_places import EDGE_PATH
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.net.instructions import has_aes
from zerogo.net.quiet_log import QuietLog
from zerogo.net.tcp import keep_queue_short, read_more, write_now
from zerogo.net.timeouts import Timeouts
from zerogo.net.websocket import HEAD_LIMIT, PROTOCOL
from zerogo.noise.identity import Identity

CONNECTIONS_LIMIT = 60_000
HANDSHAKE_SECONDS = 10
FRESH_SECONDS = 2
FRESH_ENOUGH = 512
"""While so many came within `FRESH_SECONDS` and are not through, no more are taken, so that edges that are slow in
answering are not too many at a time. Mute ones hold up the others for no longer than that."""

_log = Logger(namespace="zerogo.exit.server")

# Autobahn colours the words of its log lines before it knows that nobody is shown them: forty calls for each edge that
# joins. Where there is no click, it does not.
autobahn.util._HAS_CLICK = False


class EdgeHub(Protocol):
    """Who takes edges in."""

    def join(self, edge: NodeId, join: Join, address: str) -> Deferred[tuple[Answer, TunnelDriver | None]]:
        """Never fails: a refusal is an answer without a tunnel."""

    def attached(self, driver: TunnelDriver) -> None:
        """That tunnel has a carrier."""

    def carrier_lost(self, driver: TunnelDriver, carrier: object, grace_seconds: float) -> None:
        """That tunnel has no carrier any more; it may wait so long for another one."""


@implementer(IPushProducer)
class _EdgeProtocol(BoundedClose):
    """One edge's WebSocket: the carrier of its tunnel."""

    factory: EdgeServer
    transport: Any
    log = QuietLog(_log)
    is_writable = True
    _channel: ChannelResponder | None = None
    _driver: TunnelDriver | None = None
    _is_asked = False
    _is_dropped = False
    _is_closed_by_edge = False
    _plain: PlainFrames

    def connectionMade(self) -> None:
        self.factory.arrived(self)
        super().connectionMade()

    def onConnect(self, request: ConnectionRequest) -> str | None:
        if request.path != EDGE_PATH:
            raise ConnectionDeny(ConnectionDeny.NOT_FOUND, "edges only")  # type: ignore[no-untyped-call]
        if request.origin:
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "edges only")  # type: ignore[no-untyped-call]
        return PROTOCOL if PROTOCOL in request.protocols else None

    def onOpen(self) -> None:
        self.factory.fresh.add(self)
        self.factory.look_at_fresh()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        keep_queue_short(self.transport)
        self._channel = ChannelResponder(self.factory.identity, self.factory.rng, EXIT, has_aes=self.factory.has_aes)
        self._flush()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        channel = self._channel
        if not isBinary or channel is None or self._is_dropped:
            self.drop("binary messages only")
            return
        self._receive_frame(channel, payload)
        if self._driver is None and not self._is_dropped:
            self._flush()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.handshakes.discard(self)
        self._channel = None
        driver, self._driver = self._driver, None
        if driver is not None:
            if code == OVER:
                driver.end("the edge ended the tunnel", Reason.OWNER)
            self.factory.hub.carrier_lost(driver, self, GONE_SECONDS if self._is_closed_by_edge else GRACE_SECONDS)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_closed_by_edge = not self._is_dropped and reason.check(ConnectionDone) is not None
        self.factory.left(self)
        super().connectionLost(reason)

    @property
    def source(self) -> str:
        """Where the edge is seen."""
        return str(getattr(self.transport.getPeer(), "host", ""))

    def _receive_frame(self, channel: ChannelResponder, frame: bytes | memoryview) -> None:
        try:
            for message in channel.receive(frame):
                self._receive(message)
        except RemoteError as error:
            _log.debug("an edge at {source}: {reason}", source=self.source, reason=str(error))
            self.drop(str(error))

    def _receive(self, message: bytes) -> None:
        if self._driver is not None:
            self._driver.receive(message)
            return
        if self._is_asked or self._channel is None:
            self.drop("a message before the welcome")
            return
        self._is_asked = True
        join = parse_join(message)
        edge = NodeId.from_key(self._channel.remote_static)
        self.factory.hub.join(edge, join, self.source).addCallbacks(self._answered, self._failed, callbackArgs=(join,))

    def _answered(self, result: tuple[Answer, TunnelDriver | None], join: Join) -> None:
        answer, driver = result
        if self._channel is None or self._is_dropped:
            return
        self.factory.handshakes.discard(self)
        self._channel.send(emit_greeting(answer))
        self._flush()
        if driver is None:
            self.drop(answer.sentence if isinstance(answer, Refusal) else "")
            return
        self.factory.strangers.discard(self)
        self.factory.fresh.discard(self)
        self.factory.look_at_fresh()
        self.factory.late.tickets.completed(self.factory.late.clock.seconds())
        self.maxFramePayloadSize = self.maxMessagePayloadSize = EXIT.frame_limit
        self._plain = PlainFrames(EXIT.frame_limit)
        self._driver = driver
        driver.attach(self, join.received if getattr(answer, "is_resumed", False) else 0)
        self.factory.hub.attached(driver)

    def _failed(self, failure: Failure) -> None:
        _log.failure("A bug in taking in an edge", failure=failure)
        self.drop("a fault of the gateway")

    def _flush(self) -> None:
        if self._channel is not None and self.state == self.STATE_OPEN:
            for frame in self._channel.outgoing():
                write_now(self.transport, [binary_head(len(frame)), frame])

    def dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING and len(self.data) + len(data) > HEAD_LIMIT:
            self.dropConnection(abort=True)
            return
        read_more(self.transport, len(data), CARRIER_READ_BYTES)
        if self._driver is not None and not self.data and self.current_frame is None and not self.inside_message:
            data = self._receive_plain(data)
        if data:
            # Not `dataReceived`, which first formats a line for the log.
            self._dataReceived(data)

    def _receive_plain(self, data: bytes) -> bytes:
        frames, rest = self._plain.receive(data)
        for frame in frames:
            if self._channel is not None and not self._is_dropped:
                self._receive_frame(self._channel, frame)
        return rest

    # ----- the carrier of a tunnel

    def send(self, message: bytes) -> None:
        """Seal and send."""
        if self._channel is not None and self.state == self.STATE_OPEN:
            frame = self._channel.sealed(message)
            write_now(self.transport, [binary_head(len(frame)), frame])

    def drop(self, reason: str, is_over: bool = False) -> None:
        """Close, without waiting for the other end for long; where the tunnel is over the edge is told so."""
        if self._is_dropped:
            return
        self._is_dropped = True
        if self.state == self.STATE_OPEN:
            self.sendClose(OVER if is_over else 1000, reason.encode()[:100].decode(errors="ignore"))
        else:
            self.dropConnection(abort=True)

    def abort(self, reason: str) -> None:
        """Break off: the edge would not hear a close either."""
        _log.debug("an edge at {source}: {reason}", source=self.source, reason=reason)
        self._is_dropped = True
        self.dropConnection(abort=True)

    def late(self) -> None:
        """`HANDSHAKE_SECONDS` have passed without a welcome."""
        self.drop("no greeting")

    def pauseProducing(self) -> None:
        self.is_writable = False

    def resumeProducing(self) -> None:
        self.is_writable = True
        if self._driver is not None:
            self._driver.flush_soon()

    def stopProducing(self) -> None:
        self.is_writable = False


class EdgeServer(WebSocketServerFactory):
    """All edges' WebSockets of a gateway."""

    protocol = _EdgeProtocol  # type: ignore[assignment]

    def __init__(
        self,
        hub: EdgeHub,
        identity: Identity,
        reactor: IReactorTime,
        rng: RandomBytes,
        connections_limit: int = CONNECTIONS_LIMIT,
    ) -> None:
        super().__init__(server="", reactor=reactor)  # type: ignore[no-untyped-call]
        if not USES_NVX:
            _log.warn("Autobahn runs without its native code (NVX): edges will be slow")
        self.hub = hub
        self.identity = identity
        self.rng = rng
        self.has_aes = has_aes()
        self.late = LateEdges(reactor, rng)
        """For whom there was no time."""
        self.handshakes: Timeouts[_EdgeProtocol] = Timeouts(reactor, HANDSHAKE_SECONDS, _EdgeProtocol.late)
        """Connections that have not been admitted, from the first moment on."""
        self.fresh: Timeouts[_EdgeProtocol] = Timeouts(reactor, FRESH_SECONDS, lambda stale: self.look_at_fresh())
        self._intakes: list[EdgeIntake] = []
        self._is_held = False
        self.strangers: Strangers[_EdgeProtocol] = Strangers()
        """Those, and the ones that were refused and are about to be gone."""
        self._connections = 0
        self._limit = connections_limit
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            webStatus=False,
            maxFramePayloadSize=FRAME_LIMIT,
            maxMessagePayloadSize=FRAME_LIMIT,
            maxConnections=connections_limit,
            requireMaskedClientFrames=True,
            autoPingInterval=0,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=2,
            allowedOrigins=[],
            allowNullOrigin=False,
            trustXForwardedFor=0,
            tcpNoDelay=True,
        )
        # Autobahn copies its thirty options into each connection, and prints them for a log line that is not shown.
        # As attributes of the class they are there once.
        values = {name: getattr(self, name) for name in _EdgeProtocol.CONFIG_ATTRS}
        options = {name: staticmethod(value) if callable(value) else value for name, value in values.items()}
        self.protocol = type("_EdgeProtocol", (_EdgeProtocol,), {**options, "CONFIG_ATTRS": []})  # type: ignore[assignment]

    def buildProtocol(self, addr: Any) -> Any:
        return super().buildProtocol(addr) if self._connections < self._limit else None

    def arrived(self, protocol: _EdgeProtocol) -> None:
        """One more connection."""
        self._connections += 1
        self.handshakes.add(protocol)
        gone = self.strangers.add(protocol, origin_of(protocol.source))
        if gone is not None:
            gone.abort("it was not admitted yet, and others come")

    def left(self, protocol: _EdgeProtocol) -> None:
        """One fewer."""
        self._connections -= 1
        self.handshakes.discard(protocol)
        self.strangers.discard(protocol)
        self.fresh.discard(protocol)
        self.look_at_fresh()

    def look_at_fresh(self) -> None:
        """Hold those who come while enough are fresh, until half of them are through or stale."""
        is_held = len(self.fresh) >= (FRESH_ENOUGH // 2 if self._is_held else FRESH_ENOUGH)
        if is_held is not self._is_held:
            self._is_held = is_held
            for intake in self._intakes:
                intake.hold(is_held)

    def take_at(self, port: Any, *, is_plain: bool) -> None:
        """Edges come in at that port of Twisted's; without `is_plain`, within TLS."""
        self._intakes.append(EdgeIntake(port, self.late, is_plain=is_plain))

    def stop(self) -> None:
        """Wait for nobody any more."""
        self.handshakes.stop()
        self.fresh.stop()
