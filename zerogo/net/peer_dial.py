# -*- test-case-name: zerogo.test.net.test_peer_dial -*-
"""Dials the open TCP port of one peer: all its addresses at once, by TLS a moment later, through an HTTP proxy as well
where there is one. The first connection that shows that it leads to the peer is kept, the others are closed; when it is
lost, all are dialled again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IStreamClientEndpoint

from zerogo.ids import SocketAddress
from zerogo.mesh.stream_proof import DiallingProof, StreamKey
from zerogo.net.marked import MarkedEndpoint
from zerogo.net.peer_stream import MemberStream, StreamTools
from zerogo.net.proxy import ProxiedEndpoint, Proxy, tcp_endpoint
from zerogo.net.race import Race, StreamWay
from zerogo.net.relay_dial import TLS_AFTER_SECONDS
from zerogo.net.tls import TlsEndpoint, hiding_client

REDIAL_SECONDS = (0.5, 2.0, 5.0, 15.0, 60.0, 300.0)


def peer_ways(reactor: Any, places: Sequence[SocketAddress], proxy: Proxy | None) -> list[StreamWay]:
    """All ways to a peer's port."""
    ways = []
    for place in places:
        endpoints: list[IStreamClientEndpoint] = [MarkedEndpoint(reactor, place)]
        if proxy is not None and proxy.leads_to(place.host, place.port):
            to_proxy = tcp_endpoint(reactor, proxy.host, proxy.port)
            endpoints.append(ProxiedEndpoint(reactor, to_proxy, proxy, place.host, place.port))
        for endpoint in endpoints:
            hidden = TlsEndpoint(endpoint, hiding_client)
            ways.append(StreamWay("TCP", endpoint, place=str(place)))
            ways.append(StreamWay("TLS", hidden, is_tls=True, delay=TLS_AFTER_SECONDS, place=str(place)))
    return ways


class PeerDialler:
    """One peer's. `opened` and `closed` are told of the stream that is kept.

    :param turns: so many peers are dialled at a time.
    """

    def __init__(
        self,
        tools: StreamTools,
        turns: DeferredSemaphore,
        *,
        opened: Callable[[MemberStream], object],
        closed: Callable[[MemberStream], object],
    ) -> None:
        self._tools = tools
        self._opened = opened
        self._closed = closed
        self._key: StreamKey | None = None
        self._is_stopped = False
        self._race: Race[MemberStream] = Race(
            tools.reactor, self._make, delays=REDIAL_SECONDS, lost=lambda: None, turns=turns
        )

    def dial(self, key: StreamKey, ways: Sequence[StreamWay]) -> None:
        """Dial these ways, at once if no connection is there or under way, and whenever it is lost."""
        self._key = key
        self._race.dial(ways)

    def stop(self) -> None:
        """Close everything."""
        self._is_stopped = True
        self._race.stop()

    def stream_proven(self, stream: MemberStream) -> None:
        """A connection leads to the peer."""
        if self._race.kept is not None or self._is_stopped:
            stream.close()
            return
        self._race.keep(stream)
        self._opened(stream)

    def stream_ended(self, stream: MemberStream) -> None:
        """A connection is closed."""
        is_kept = stream is self._race.kept
        if is_kept:
            self._closed(stream)
        self._race.ended(stream)

    def _make(self, way: StreamWay) -> MemberStream:
        assert self._key is not None
        return MemberStream(DiallingProof(self._key, self._tools.rng), self, self._tools, place=way.place)
