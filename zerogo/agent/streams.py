# -*- test-case-name: zerogo.test.agent.test_streams -*-
"""TCP and TLS connections between this machine and other members: the open port, if there is one, where it is to be
found, and the dialling of others, as the mesh core asks for it, at the places that this machine may reach best; which
these are is looked at again whenever its addresses change.

Members are told the places that the configuration names, whose names are looked up anew whenever the addresses of this
machine change; then what the router maps to the port; then this machine's own addresses with the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from zerogo.control.token import split_host_port
from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.signal import STREAMS_LIMIT
from zerogo.mesh.stream_places import best_places
from zerogo.mesh.stream_proof import FindKey, StreamKey
from zerogo.mesh.streaming import PeerStream

_log = Logger(namespace="zerogo.agent.streams")


class StreamUser(Protocol):
    """What uses the streams: a segment."""

    def use_streams(self, streams: Sequence[Candidate]) -> None: ...

    def stream_key(self, fragment: bytes) -> StreamKey | None: ...

    def peer_stream_opened(self, peer: int, stream: PeerStream) -> None: ...

    def peer_stream_closed(self, peer: int, address: SocketAddress) -> None: ...


class StreamDriver(Protocol):
    """`zerogo.net.peer_streams.PeerStreams`."""

    def open(self, port: int) -> None: ...

    def start(self) -> None: ...

    def dial(self, key: StreamKey, places: Sequence[SocketAddress]) -> None: ...

    def undial(self, peer: int) -> None: ...

    def forget(self, peer: int) -> None: ...

    def close_streams(self) -> None: ...

    def stop(self) -> None: ...


@frozen(kw_only=True)
class StreamsWish:
    """What a driver needs of the agent."""

    data_ports: Callable[[], Sequence[int]]
    find: FindKey
    opened: Callable[[int, PeerStream], object]
    closed: Callable[[int, SocketAddress], object]


MakeStreams = Callable[[StreamsWish], StreamDriver]
Resolve = Callable[[Sequence[tuple[str, int]]], Deferred[list[SocketAddress]]]


class Streams:
    """One agent's. It serves one user at a time.

    :param port: where to listen; None: nowhere.
    :param places: where that port is reached from outside, `host:port`.
    """

    def __init__(
        self,
        make: MakeStreams,
        resolve: Resolve,
        data_ports: Callable[[], Sequence[int]],
        *,
        port: int | None,
        places: Sequence[str],
    ) -> None:
        self._port = port
        self._places = [split_host_port(place) for place in places]
        self._resolve = resolve
        self._user: StreamUser | None = None
        self._hosts: list[str] = []
        self._resolved: list[SocketAddress] = []
        self._port_mapped: SocketAddress | None = None
        self._dialled: dict[int, tuple[StreamKey, tuple[SocketAddress, ...]]] = {}
        """Peers, and all the places that they name."""
        self._is_open = False
        self._is_started = False
        self._driver = make(
            StreamsWish(data_ports=data_ports, find=self._find, opened=self._opened, closed=self._closed)
        )

    def open(self) -> None:
        """Take the port; may need privileges. Raises `EnvironmentFault`."""
        if self._port is not None and not self._is_open:
            self._driver.open(self._port)
            self._is_open = True

    def attach(self, user: StreamUser) -> None:
        """Serve this one from now on."""
        self.detach()
        self._user = user
        if not self._is_started:
            self._is_started = True
            self._driver.start()
        self._look()

    def detach(self) -> None:
        """Serve nobody; the port stays open, and nobody is let in."""
        self._user = None
        self._dialled.clear()
        self._driver.close_streams()

    def stop(self) -> None:
        """Close everything."""
        self._user = None
        self._dialled.clear()
        self._driver.stop()
        self._is_open = self._is_started = False

    def dial(self, key: StreamKey, places: Sequence[SocketAddress]) -> None:
        """Have a connection to that peer, whose port is at these places, best first as it says."""
        self._dialled[key.peer] = (key, tuple(places))
        self._driver.dial(key, best_places(places, self._hosts))

    def undial(self, peer: int) -> None:
        """No connection to that peer is needed any more that this end made."""
        self._dialled.pop(peer, None)
        self._driver.undial(peer)

    def forget(self, peer: int) -> None:
        """That peer is no member any more."""
        self._dialled.pop(peer, None)
        self._driver.forget(peer)

    def use_hosts(self, hosts: Sequence[str]) -> None:
        """The machine's addresses, best first."""
        before, self._hosts = self._hosts, list(hosts)
        for key, places in self._dialled.values():
            best = best_places(places, self._hosts)
            if best != best_places(places, before):
                self._driver.dial(key, best)
        self._look()

    def address(self, host: str) -> SocketAddress | None:
        """The port's address on one of the machine's hosts; None where no port is open."""
        return SocketAddress.of(host, self._port) if self._port is not None and self._is_open else None

    def use_port_mapped(self, outer: SocketAddress | None) -> None:
        """What the router maps to the port; None where it maps nothing."""
        self._port_mapped = outer
        self._tell()

    def _look(self) -> None:
        if self._port is None or self._user is None:
            return
        self._tell()
        if self._places:
            self._resolve(self._places).addCallback(self._use_resolved)

    def _use_resolved(self, found: list[SocketAddress]) -> None:
        if found and found != self._resolved:
            self._resolved = found
            self._tell()

    def _tell(self) -> None:
        if self._user is not None:
            self._user.use_streams(list(self._candidates())[:STREAMS_LIMIT])

    def _candidates(self) -> Iterable[Candidate]:
        own = [] if self._port is None else [SocketAddress.of(host, self._port) for host in self._hosts]
        mapped = [] if self._port_mapped is None else [self._port_mapped]
        leading = list(dict.fromkeys([*self._resolved, *mapped]))
        for rank, place in enumerate(leading):
            yield Candidate.passive(place, CandidateKind.MAPPED, rank)
        for rank, place in enumerate(own):
            if place not in leading:
                yield Candidate.passive(place, CandidateKind.HOST, rank)

    def _find(self, fragment: bytes) -> StreamKey | None:
        return None if self._user is None else self._user.stream_key(fragment)

    def _opened(self, peer: int, stream: PeerStream) -> None:
        words = "to" if stream.is_dialled else "from"
        _log.debug("A stream {words} {far} is proven", words=words, far=stream.far)
        if self._user is not None:
            self._user.peer_stream_opened(peer, stream)

    def _closed(self, peer: int, address: SocketAddress) -> None:
        if self._user is not None:
            self._user.peer_stream_closed(peer, address)
