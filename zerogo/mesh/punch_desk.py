# -*- test-case-name: zerogo.test.mesh.test_punching -*-
"""What the peers of a node share where NATs are hard: who may try at this moment, and how much goes where.

One fan of side sockets and two sprays are under way at a time per node: each fills tables of the routers near by, and
several at once would take each other's ports. Who finds no place asks again a moment later.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.ice.prediction import PortWindow
from zerogo.ice.spray import NARROW_PORTS, ProbeBudget
from zerogo.ids import SocketAddress

FANS_LIMIT = 1
SPRAYS_LIMIT = 2
KEPT_LIMIT = 60
"""Side sockets in use by paths; a data plane holds 64."""
BACKOFF_SECONDS = (5.0, 15.0, 30.0, 60.0, 60.0, 300.0)
"""After a try that found nothing, by how many such there were; the last one for ever. One finds 99 % of the pairs that
can be found where neither machine is too busy to take part; who was not found by six of them will hardly be."""
NARROW_BACKOFF_SECONDS = (5.0, 10.0, 20.0, 40.0)
"""The same after a try of a few ports, which costs a tenth; others on the same NAT may have been in its way."""


def backoff(failures: int, window: PortWindow | None) -> float:
    """Seconds to wait after that many failures in a row.

    :param window: what was tried the last time; None where it did not come to that.
    """
    is_narrow = window is None or window.size <= NARROW_PORTS
    waits = NARROW_BACKOFF_SECONDS if is_narrow else BACKOFF_SECONDS
    return waits[min(failures, len(waits)) - 1]


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
