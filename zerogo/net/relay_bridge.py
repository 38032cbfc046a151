# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""A stream to a relay, behind a UDP socket on the loopback interface.

A data plane speaks UDP only. Where UDP is blocked, what it sends to the bridge's address goes into a TCP or TLS
connection to a TURN relay, framed as TURN frames it (RFC 8656 section 12.5), and each message that comes out of the
connection goes to the data socket from that address. So for the plane and the mesh core the relay simply is at
`127.0.0.1:port`.

    data socket  <- UDP, loopback ->  bridge  <- TCP | TLS | through an HTTP proxy ->  relay

All ways to the relay are dialled at once, but those by TLS a moment later, since TLS costs a library. The first
messages go to every one that is connected; the first from which an answer comes is kept, the others are closed. When it
is lost, all are dialled again, after `REDIAL_SECONDS`.

What is carried is datagrams: while the connection is full they are dropped, and little may wait in it, because what
waits is late. TURN's requests are not dropped with them: without a channel nothing that comes after is of use, and what
is cut off in the middle of a burst is the request that the burst began with. Only whole messages from our own data
sockets are taken: one wrong length, and the relay would wait inside it for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.loopback import DataPorts, LoopbackPort
from zerogo.net.race import Race, StreamWay
from zerogo.net.tcp import repeat_soon
from zerogo.turn.framing import StreamFramer, is_message
from zerogo.turn.message import is_channel_data

REDIAL_SECONDS = (0.2, 1.0, 2.0, 5.0, 15.0, 30.0)
WAITING_BYTES = 32 * 1024
"""In a connection, before datagrams are dropped: 50 ms at 5 Mbit/s."""
REQUEST_BYTES = 32 * 1024
"""As many more of requests, while there is no room: 250 of them."""
FIRST_BYTES = WAITING_BYTES
"""So much of what is sent before the relay's first answer is kept, for connections that come about later."""

_log = Logger(namespace="zerogo.net.relay_bridge")


@define
class BridgeCounters:
    """Since the bridge began."""

    foreign: int = 0
    """Datagrams from other sockets than ours."""
    dropped: int = 0
    """Datagrams for which there was no room, or no connection."""
    unfit: int = 0
    """Datagrams that are no messages of TURN."""
    malformed: int = 0
    """Connections that held something else than TURN."""
    distrusted: int = 0


@implementer(IPushProducer, IHandshakeListener)
class _Stream(Protocol):
    """One connection; tells its bridge when it is ready, of messages, and of its end."""

    transport: Any

    def __init__(self, bridge: RelayBridge, way: StreamWay) -> None:
        self.way = way
        self.is_full = False
        self.is_ready = False
        self._bridge = bridge
        self._framer = StreamFramer()
        self._spare = REQUEST_BYTES

    def send(self, datagram: bytes) -> bool:
        """Send one message; False where there is no room."""
        if self.is_full:
            if is_channel_data(datagram) or len(datagram) > self._spare:
                return False
            self._spare -= len(datagram)
        self.transport.write(datagram + bytes(-len(datagram) % 4))
        return True

    def close(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """TCP is connected."""
        inner: Any = getattr(self.transport, "transport", None) or self.transport
        inner.bufferSize = WAITING_BYTES
        self.transport.setTcpNoDelay(True)
        repeat_soon(self.transport)
        self.transport.registerProducer(self, True)
        if not self.way.is_tls:
            self._ready()

    def handshakeCompleted(self) -> None:
        """TLS is, too."""
        if self.way.trusts is not None and not self.way.trusts(self.transport.getPeerCertificate()):
            self._bridge.counters.distrusted += 1
            self.close()
            return
        self._ready()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed."""
        self._bridge.stream_ended(self)

    def dataReceived(self, data: bytes) -> None:
        """Part of the stream."""
        try:
            messages = self._framer.receive(data)
        except ParseError:
            self._bridge.counters.malformed += 1
            self.close()
            return
        for message in messages:
            self._bridge.message_received(self, message)

    def pauseProducing(self) -> None:
        """There is no room."""
        self.is_full = True

    def resumeProducing(self) -> None:
        """There is room again."""
        self.is_full, self._spare = False, REQUEST_BYTES

    def stopProducing(self) -> None:
        """The connection is closing."""
        self.is_full = True

    def _ready(self) -> None:
        self.is_ready = True
        self._bridge.stream_ready(self)


class RelayBridge:
    """One relay's. `opened` and `closed` are told the loopback address when the relay is connected, and not any more.

    :param data_ports: gives the ports of our data sockets, that for IPv4 among them.
    """

    def __init__(
        self,
        reactor: Any,
        ways: Sequence[StreamWay],
        data_ports: DataPorts,
        *,
        opened: Callable[[SocketAddress], object],
        closed: Callable[[SocketAddress], object],
    ) -> None:
        self.counters = BridgeCounters()
        self._reactor = reactor
        self._ways = tuple(ways)
        self._opened = opened
        self._closed = closed
        self._loopback = LoopbackPort(data_ports, self.datagram_received, self._count_foreign)
        self._race: Race[_Stream] = Race(reactor, self._make_stream, delays=REDIAL_SECONDS, lost=self._all_lost)
        self._first: list[bytes] = []
        self._first_bytes = 0
        self._is_told = False
        self._is_stopped = False

    @property
    def address(self) -> SocketAddress:
        """What stands for the relay."""
        return self._loopback.address

    def start(self) -> None:
        """Dial."""
        self._loopback.open(self._reactor)
        self._race.dial(self._ways)

    def stop(self) -> None:
        """Close everything; nothing is told any more."""
        self._is_stopped = True
        self._race.stop()
        self._loopback.close()

    def datagram_received(self, datagram: bytes) -> None:
        """Our data socket sends something to the loopback address."""
        kept = self._race.kept
        if not is_message(datagram):
            self.counters.unfit += 1
        elif kept is not None:
            self.counters.dropped += not kept.send(datagram)
        elif self._first_bytes + len(datagram) <= FIRST_BYTES:
            self._first.append(datagram)
            self._first_bytes += len(datagram)
            for stream in self._race.streams:
                if stream.is_ready:
                    stream.send(datagram)
        else:
            self.counters.dropped += 1

    def stream_ready(self, stream: _Stream) -> None:
        """A connection is there."""
        if self._is_stopped or self._race.kept is not None:
            stream.close()
            return
        for datagram in self._first:
            stream.send(datagram)
        if not self._is_told:
            self._is_told = True
            self._opened(self.address)

    def message_received(self, stream: _Stream, message: bytes) -> None:
        """The relay says something."""
        if self._race.kept is None:
            self._forget_first()
            _log.info("The relay is reached by {what}", what=stream.way.what)
            self._race.keep(stream)
        if stream is self._race.kept:
            self._loopback.deliver(message)

    def stream_ended(self, stream: _Stream) -> None:
        """A connection is gone."""
        self._race.ended(stream)

    def _make_stream(self, way: StreamWay) -> _Stream:
        return _Stream(self, way)

    def _count_foreign(self) -> None:
        self.counters.foreign += 1

    def _forget_first(self) -> None:
        self._first.clear()
        self._first_bytes = 0

    def _all_lost(self) -> None:
        self._forget_first()
        if self._is_told:
            self._is_told = False
            self._closed(self.address)
