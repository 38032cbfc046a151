# -*- test-case-name: zerogo.test.mesh.test_peer_streams -*-
"""TCP connections between members of the simulated internet: they are there or not, and lose nothing.

A member with `is_open` takes them at its public address. What dials comes through two round trips after it was asked
to, as TCP and the proof take, and is told of nothing where nobody listens. That place, and a connection that was cut,
is dialled again after `REDIAL_SECONDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PeerStreamWanted
from zerogo.mesh.streaming import PeerStream

if TYPE_CHECKING:
    from zerogo.testing.mesh import Member, VirtualMesh

OPEN_PORT = 443
FIRST_PORT = 50000
REDIAL_SECONDS = 0.5
ROUND_TRIPS = 2


@define(eq=False)
class _Connection:
    ends: tuple[tuple[Member, int, SocketAddress], tuple[Member, int, SocketAddress]]
    """The member, the other's number in it, and what stands for the other."""


@define(eq=False)
class VirtualStreams:
    """Those of one mesh."""

    _mesh: VirtualMesh
    _wanted: dict[tuple[str, int], PeerStreamWanted] = field(factory=dict, init=False)
    """By the name of who dials, and the number of whom."""
    _connections: dict[tuple[str, int], _Connection] = field(factory=dict, init=False)
    dialled: int = field(default=0, init=False)
    """Connections that ever came about."""
    _last_port: int = field(default=FIRST_PORT, init=False)

    def candidates(self, member: Member) -> list[Candidate]:
        """Where a member takes connections."""
        places = [SocketAddress(host, OPEN_PORT) for host in member.host.addresses] if member.is_open else []
        return [Candidate.passive(place, CandidateKind.HOST, rank) for rank, place in enumerate(places)]

    def dial(self, member: Member, wanted: PeerStreamWanted) -> None:
        """What a driver does with the event."""
        key = (member.name, wanted.key.peer)
        self._wanted[key] = wanted
        if key not in self._connections:
            self._mesh.clock.call_later(ROUND_TRIPS * 2 * self._mesh.stream_delay, lambda: self._connect(key))

    def undial(self, member: Member, peer: int) -> None:
        """What a driver does with the other event."""
        self._wanted.pop((member.name, peer), None)
        self._close((member.name, peer))

    def cut(self) -> None:
        """All connections are lost, and noticed at once."""
        for key in list(self._connections):
            self._close(key)
            self._mesh.clock.call_later(REDIAL_SECONDS, lambda key=key: self._connect(key))  # type: ignore[misc]

    def swallow(self) -> None:
        """All connections stay and take what is sent, and nothing comes out: the far end is gone, a proxy is not."""
        for connection in self._connections.values():
            for member, _, address in connection.ends:
                member.streams[address] = lambda data: None

    @property
    def count(self) -> int:
        """Connections that there are."""
        return len(self._connections)

    @property
    def wanted(self) -> int:
        """Peers that are dialled."""
        return len(self._wanted)

    def _connect(self, key: tuple[str, int]) -> None:
        wanted = self._wanted.get(key)
        if wanted is None or key in self._connections:
            return
        one = self._mesh.members[key[0]]
        for other in self._mesh.members.values():
            places = [candidate.address for candidate in self.candidates(other)]
            found = other.node.stream_key(wanted.key.fragment) if other.is_up and other.is_open else None
            if one.is_up and found is not None and found.key == wanted.key.key and places[0] in wanted.places:
                self._open(key, one, other, found.peer)
        if key not in self._connections:
            self._mesh.clock.call_later(REDIAL_SECONDS, lambda: self._connect(key))

    def _open(self, key: tuple[str, int], one: Member, other: Member, peer: int) -> None:
        self.dialled += 1
        ours, theirs = self._address(), self._address()
        self._connections[key] = _Connection(((one, key[1], ours), (other, peer, theirs)))
        self._join(one, ours, other, theirs)
        self._join(other, theirs, one, ours)
        for member, number, address, is_dialled in ((one, key[1], ours, True), (other, peer, theirs, False)):
            stream = PeerStream(address=address, far=f"198.51.100.9:{OPEN_PORT}", is_dialled=is_dialled)
            member.driven.call(member.node.peer_stream_opened, number, stream)

    def _join(self, one: Member, ours: SocketAddress, other: Member, theirs: SocketAddress) -> None:
        clock, way = self._mesh.clock, self._mesh.stream_delay

        def arrive(data: bytes) -> None:
            if other.is_up and theirs in other.streams:
                other.plane.receive_datagram(data, theirs)

        one.streams[ours] = lambda data: clock.call_later(way, lambda: arrive(data))

    def _close(self, key: tuple[str, int]) -> None:
        connection = self._connections.pop(key, None)
        for member, number, address in () if connection is None else connection.ends:
            # What comes later goes nowhere.
            member.streams[address] = lambda data: None
            if member.is_up:
                member.driven.call(member.node.peer_stream_closed, number, address)

    def _address(self) -> SocketAddress:
        self._last_port += 1
        return SocketAddress("127.0.0.1", self._last_port)
