# -*- test-case-name: zerogo.test.mesh.test_punching -*-
"""What the peers of a node share where NATs are hard: who may try at this moment, and how much goes where.

One fan of side sockets and two sprays are under way at a time per node: each fills tables of the routers near by, and
several at once would take each other's ports. Who finds no place asks again a moment later.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.ice.spray import ProbeBudget
from zerogo.ids import SocketAddress

FANS_LIMIT = 1
SPRAYS_LIMIT = 2
KEPT_LIMIT = 60
"""Side sockets in use by paths; a data plane holds 64."""
BACKOFF_SECONDS = (5.0, 15.0, 60.0, 300.0)
"""After a try that found nothing, by how many such there were; the last one for ever."""


def backoff(failures: int) -> float:
    """Seconds to wait after that many failures in a row."""
    return BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]


@define(eq=False)
class PunchDesk:
    """One per node. Peers are known by their numbers."""

    budget: ProbeBudget = field(factory=ProbeBudget, init=False)
    servers: tuple[SocketAddress, ...] = field(default=(), init=False)
    """STUN servers by IPv4."""
    kept: int = field(default=0, init=False)
    """Side sockets that carry paths."""
    probes: int = field(default=0, init=False)
    """Sent so far to guessed ports, and from side sockets."""
    _fans: dict[int, None] = field(factory=dict, init=False)
    _sprays: dict[int, None] = field(factory=dict, init=False)

    def take_fan(self, peer: int) -> bool:
        """Whether this peer may open side sockets; then until `leave`."""
        if peer not in self._fans and (len(self._fans) >= FANS_LIMIT or self.kept >= KEPT_LIMIT):
            return False
        self._fans[peer] = None
        return True

    def take_spray(self, peer: int) -> bool:
        """Whether this peer's ports may be tried; then until `leave`."""
        if peer not in self._sprays and len(self._sprays) >= SPRAYS_LIMIT:
            return False
        self._sprays[peer] = None
        return True

    def leave_fan(self, peer: int) -> None:
        """Another peer may open side sockets."""
        self._fans.pop(peer, None)

    def leave_spray(self, peer: int) -> None:
        """Another peer's ports may be tried."""
        self._sprays.pop(peer, None)
