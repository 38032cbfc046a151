# -*- test-case-name: zerogo.test.net.test_peer_listener -*-
"""The open TCP port of a member: takes connections of other members, by TCP and by TLS, and of nobody else.

The first byte tells TLS from none. A stranger finds a port that says nothing and hangs up. What it can cost is bounded:
so many connections that have proven nothing, each for `PROOF_SECONDS`; when there are too many the oldest goes,
so that a crowd that only waits keeps no member out for long, and no source may have more than a few. TLS costs us a
handshake before anybody has proven anything, so there are only so many of these a second.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from zerogo.mesh.stream_proof import AcceptingProof, FindKey
from zerogo.net.peer_stream import PROOF_SECONDS, MemberStream, StreamTools
from zerogo.routing.allowance import Allowance

UNPROVEN_LIMIT = 64
UNPROVEN_PER_SOURCE = 8
STREAMS_LIMIT = 1024
STREAMS_PER_PEER = 2
"""The one in use, and one that is about to take its place."""
TLS_RATE, TLS_BURST = 20.0, 64.0
TLS_FIRST_BYTE = 0x16
_IPV6_SOURCE_BITS = 64


def source_of(host: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 /64, which is what one customer has."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_SOURCE_BITS), strict=False))


class _Arrival(Protocol):
    """A connection that was taken; what comes goes to the protocol that its first byte calls for."""

    transport: Any

    def __init__(self, listener: PeerListener, source: str) -> None:
        self.source = source
        self._listener = listener
        self._inner: Any = None
        self._began_at = 0.0
        self._deadline: IDelayedCall | None = None

    def close(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """Somebody is there."""
        clock = self._listener.tools.reactor
        self._began_at = clock.seconds()
        self._deadline = clock.callLater(PROOF_SECONDS, self._too_late)
        self._listener.arrived(self)

    def dataReceived(self, data: bytes) -> None:
        """The first bytes, or further ones."""
        if self._inner is None:
            self._call_off()
            seconds = PROOF_SECONDS - (self._listener.tools.reactor.seconds() - self._began_at)
            self._inner = self._listener.make_inner(self, max(0.0, seconds), is_tls=data[0] == TLS_FIRST_BYTE)
            if self._inner is None:
                self.close()
                return
            self._inner.makeConnection(self.transport)
        self._inner.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is closed."""
        self._call_off()
        self._listener.left(self)
        if self._inner is not None:
            self._inner.connectionLost(reason)

    def _too_late(self) -> None:
        self._listener.tools.counters.unproven += 1
        self.close()

    def _call_off(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


class PeerListener(Factory):
    """One agent's, for all its sockets. `opened` and `closed` are told of proven streams.

    :param find: gives the key of whoever's pair a hello names.
    :param make_tls: wraps a factory in TLS; called when the first connection wants it.
    """

    noisy = False

    def __init__(
        self,
        tools: StreamTools,
        find: FindKey,
        *,
        make_tls: Callable[[IProtocolFactory], Any],
        opened: Callable[[MemberStream], object],
        closed: Callable[[MemberStream], object],
    ) -> None:
        self.tools = tools
        self._find = find
        self._make_tls = make_tls
        self._opened = opened
        self._closed = closed
        self._unproven: dict[_Arrival, None] = {}
        self._sources: Counter[str] = Counter()
        self._arrivals: dict[MemberStream, _Arrival] = {}
        self._proven: dict[MemberStream, None] = {}
        self._tls_allowance = Allowance(TLS_RATE, TLS_BURST)

    @property
    def unproven(self) -> int:
        """Connections that have proven nothing yet."""
        return len(self._unproven)

    def buildProtocol(self, addr: IAddress | None) -> _Arrival | None:
        """A protocol for a connection, or None to hang up."""
        source = source_of(addr.host)  # type: ignore[union-attr]
        if self._sources[source] >= UNPROVEN_PER_SOURCE or len(self._proven) >= STREAMS_LIMIT:
            self.tools.counters.refused += 1
            return None
        return _Arrival(self, source)

    def forget(self, peer: int) -> None:
        """Close the streams of a peer."""
        for stream in self._of(peer):
            stream.close()

    def close_all(self) -> None:
        """Close all connections."""
        for arrival in list(self._unproven):
            arrival.close()
        for stream in list(self._proven):
            stream.close()

    def make_inner(self, arrival: _Arrival, seconds: float, *, is_tls: bool) -> Any:
        """What speaks on a connection from its first byte on; None to hang up."""
        if is_tls and not self._tls_allowance.take(1, self.tools.reactor.seconds()):
            self.tools.counters.refused += 1
            return None
        proof = AcceptingProof(self._find, self.tools.rng)
        stream = MemberStream(proof, self, self.tools, seconds=seconds)
        self._arrivals[stream] = arrival
        if not is_tls:
            return stream
        factory: Any = Factory.forProtocol(lambda: stream)
        factory.noisy = False
        return self._make_tls(factory).buildProtocol(None)

    def arrived(self, arrival: _Arrival) -> None:
        """Somebody is there."""
        self._unproven[arrival] = None
        self._sources[arrival.source] += 1
        if len(self._unproven) > UNPROVEN_LIMIT:
            self.tools.counters.refused += 1
            oldest = next(iter(self._unproven))
            # It ends in a later turn of the reactor: until then it would be the oldest for all further ones too.
            self.left(oldest)
            oldest.close()

    def left(self, arrival: _Arrival) -> None:
        """A connection proved itself, or is closed."""
        if arrival not in self._unproven:
            return
        del self._unproven[arrival]
        self._sources[arrival.source] -= 1
        if not self._sources[arrival.source]:
            del self._sources[arrival.source]

    def stream_proven(self, stream: MemberStream) -> None:
        """It is a member."""
        self.left(self._arrivals[stream])
        for older in self._of(stream.peer)[: 1 - STREAMS_PER_PEER]:
            older.close()
        self._proven[stream] = None
        self._opened(stream)

    def stream_ended(self, stream: MemberStream) -> None:
        """It is closed."""
        self._arrivals.pop(stream, None)
        if stream in self._proven:
            del self._proven[stream]
            self._closed(stream)

    def _of(self, peer: int) -> list[MemberStream]:
        return [stream for stream in self._proven if stream.peer == peer]
