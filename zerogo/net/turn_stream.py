# -*- test-case-name: zerogo.test.net.test_turn_stream -*-
"""TURN clients on TCP and TLS: one protocol for each connection, cut into messages (RFC 8656 section 2.1).

What is relayed is datagrams, so a client that does not read fast enough loses some instead of filling this process'
memory: the connection produces for its transport, and while that is full, messages are dropped. A connection that does
not speak TURN is closed at its first wrong byte; one that has no allocation is closed after `IDLE_SECONDS`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from typing import Protocol as Seam

from attrs import define
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.framing import StreamFramer

IDLE_SECONDS = 15.0
CONNECTIONS_LIMIT = 4096
CONNECTIONS_PER_HOST = 256
"""Many clients may stand behind one carrier's NAT."""


@define
class StreamCounters:
    """Of all connections."""

    refused: int = 0
    """Over a limit of connections."""
    malformed: int = 0
    """Closed because they did not speak TURN."""
    idle: int = 0
    """Closed because they had no allocation."""
    dropped: int = 0
    """Messages for a client that did not read."""


class StreamClients(Seam):
    """Who is told what the connections do."""

    def message_received(self, data: bytes, client: ClientAddress) -> None: ...

    def connection_lost(self, client: ClientAddress) -> None: ...

    def serves(self, client: ClientAddress) -> bool: ...


@implementer(IPushProducer)
class TurnStream(Protocol):
    """One connection."""

    transport: Any

    def __init__(self, factory: TurnStreamFactory, client: ClientAddress) -> None:
        self.client = client
        self._factory = factory
        self._framer = StreamFramer()
        self._is_full = False
        self._idle_check: IDelayedCall | None = None

    def send(self, payload: bytes) -> None:
        """Send one message, or drop it."""
        if self._is_full:
            self._factory.counters.dropped += 1
        else:
            self.transport.write(payload)

    def close(self) -> None:
        """Close without waiting for what is not sent."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """The client is connected."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._factory.opened(self)
        self._await_allocation()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed."""
        if self._idle_check is not None and self._idle_check.active():
            self._idle_check.cancel()
        self._factory.closed(self)

    def dataReceived(self, data: bytes) -> None:
        """Part of the stream."""
        try:
            frames = self._framer.receive(data)
        except ParseError:
            self._factory.counters.malformed += 1
            self.close()
            return
        for frame in frames:
            self._factory.clients.message_received(frame, self.client)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._is_full = True

    def resumeProducing(self) -> None:
        """There is room again."""
        self._is_full = False

    def stopProducing(self) -> None:
        """The connection is closing."""
        self._is_full = True

    def _await_allocation(self) -> None:
        self._idle_check = self._factory.clock.callLater(IDLE_SECONDS, self._check_idle)

    def _check_idle(self) -> None:
        if self._factory.clients.serves(self.client):
            self._await_allocation()
        else:
            self._factory.counters.idle += 1
            self.close()


class TurnStreamFactory(Factory):
    """The connections of one listener."""

    noisy = False

    def __init__(
        self,
        listener: int,
        transport: ClientTransport,
        clients: StreamClients,
        clock: IReactorTime,
        counters: StreamCounters,
    ) -> None:
        self.clients = clients
        self.clock = clock
        self.counters = counters
        self._listener = listener
        self._transport = transport
        self._streams: dict[ClientAddress, TurnStream] = {}
        self._hosts: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> TurnStream | None:
        """A protocol for a client, or None to hang up."""
        try:
            source = SocketAddress.of(addr.host, addr.port)  # type: ignore[union-attr]
        except ParseError:
            return None
        client = ClientAddress(self._listener, self._transport, source)
        if len(self._streams) >= CONNECTIONS_LIMIT or self._hosts[source.host] >= CONNECTIONS_PER_HOST:
            self.counters.refused += 1
            return None
        return TurnStream(self, client)

    def send(self, client: ClientAddress, payload: bytes) -> None:
        """Send one message to a client, while it is connected."""
        stream = self._streams.get(client)
        if stream is not None:
            stream.send(payload)

    def close_all(self) -> None:
        """Close all connections."""
        for stream in list(self._streams.values()):
            stream.close()

    def opened(self, stream: TurnStream) -> None:
        """A protocol is connected."""
        self._streams[stream.client] = stream
        self._hosts[stream.client.address.host] += 1

    def closed(self, stream: TurnStream) -> None:
        """A protocol is not connected any longer."""
        if self._streams.pop(stream.client, None) is None:
            return
        host = stream.client.address.host
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        self.clients.connection_lost(stream.client)
