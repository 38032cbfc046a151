# -*- test-case-name: zerogo.test.mesh.test_keying -*-
"""What all parts of one node share: who it is, its network, its randomness, its outputs and its receiver indexes."""

from __future__ import annotations

from attrs import define, field, frozen

from zerogo.core import RandomBytes
from zerogo.ids import NetworkId
from zerogo.mesh.events import HandshakeMarkChanged
from zerogo.mesh.outbox import Outbox
from zerogo.mesh.punch_desk import PunchDesk
from zerogo.noise.identity import Identity
from zerogo.noise.timestamp import HandshakeClock
from zerogo.routing.policy import RoutingPolicy

INDEX_BYTES = 4
PEERS_PER_SECOND = 25
"""Paths in use that are probed per second at the steady pace, until the slowest pace is reached."""
FASTEST_STEADY_SECONDS = 1.0
SLOWEST_STEADY_SECONDS = 5.0


@define(eq=False)
class IndexPool:
    """Receiver indexes of this node, 32 random bits each, with the peer (an int) that owns them."""

    _rng: RandomBytes
    _owners: dict[int, int] = field(factory=dict, init=False)

    def allocate(self, peer: int) -> int:
        """A fresh index for `peer`; it is taken until `release`."""
        while True:
            index = int.from_bytes(self._rng(INDEX_BYTES), "big")
            if index not in self._owners:
                self._owners[index] = peer
                return index

    def release(self, index: int) -> None:
        """Forget an index, known or not."""
        self._owners.pop(index, None)

    def owner(self, index: int) -> int | None:
        """The peer that `index` was allocated for."""
        return self._owners.get(index)

    def __len__(self) -> int:
        return len(self._owners)


@define(eq=False)
class Timestamps:
    """Timestamps of initiations, from unix time (an offset to the monotonic clock) and a clock that never goes back."""

    offset: float
    """Unix seconds minus monotonic seconds."""
    _clock: HandshakeClock

    def next(self, now: float, outbox: Outbox) -> bytes:
        """The timestamp of an initiation at the monotonic moment `now`; tells of a new mark to be kept."""
        before = self._clock.mark
        timestamp = self._clock.next(now + self.offset)
        if self._clock.mark != before:
            outbox.tell(HandshakeMarkChanged(self._clock.mark))
        return timestamp


@define(eq=False)
class Pace:
    """How often paths in use are probed: the more peers are connected, the less often each."""

    connected: int = 0

    @property
    def steady_seconds(self) -> float:
        """Between two probes of a path in use that is quiet and not young."""
        return min(max(self.connected / PEERS_PER_SECOND, FASTEST_STEADY_SECONDS), SLOWEST_STEADY_SECONDS)


@frozen(kw_only=True, eq=False)
class NodeContext:
    """Made once by `Node`."""

    identity: Identity
    network: NetworkId
    psk: bytes = field(repr=False)
    rng: RandomBytes
    capabilities: frozenset[str]
    outbox: Outbox
    indexes: IndexPool
    timestamps: Timestamps
    pace: Pace
    punches: PunchDesk = field(factory=PunchDesk)
    policy: RoutingPolicy = field(factory=RoutingPolicy)

    def fraction(self) -> float:
        """A random number, at least 0 and below 1, for jitter."""
        return int.from_bytes(self.rng(INDEX_BYTES), "big") / 2**32

    def number(self) -> int:
        """A random number of 32 bits."""
        return int.from_bytes(self.rng(INDEX_BYTES), "big")
