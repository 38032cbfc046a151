# -*- test-case-name: zerogo.test.policy.test_decisions -*-
"""What a plane decided by its filters, counted: the log of policy decisions begins here (docs/PROTOCOL.md, 13.3).

Counted are flows that were opened and frames that were refused, by peer, direction, protocol and destination port; what
belongs to a flow, and what passes without a rule, is not, so a packet costs nothing. Whoever tries all ports fills no
memory: beyond `ROWS_OF_PEER` rows of a peer, or `ROWS_LIMIT` in all, what is new counts in one row a direction.
"""

from __future__ import annotations

from typing import NamedTuple

UNREADABLE = 256
"""In place of a protocol: frames that are not IP, or whose headers do not parse."""
REST = 257
"""In place of a protocol: what has no row of its own."""
PROTOCOL_LIMIT = REST
ROWS_OF_PEER = 64
ROWS_LIMIT = 4096


class Decided(NamedTuple):
    """What was decided of one kind of traffic between us and a peer."""

    peer: int
    is_outbound: bool
    """Whether it was towards the peer."""
    protocol: int
    """IP protocol number, `UNREADABLE` or `REST`."""
    port: int
    """Destination port; 0 where the protocol has none."""
    opened: int
    """Flows."""
    refused: int
    """Frames; a super-frame is one."""


class DecisionTable:
    """Counts until they are taken."""

    def __init__(self) -> None:
        self._peers: dict[int, dict[tuple[bool, int, int], tuple[int, int]]] = {}
        self._rows = 0

    def add(self, decided: Decided) -> None:
        """Count these too."""
        peer, is_outbound, protocol, port, opened, refused = decided
        rows = self._peers.setdefault(peer, {})
        key = (is_outbound, protocol, port)
        if key not in rows and (len(rows) >= ROWS_OF_PEER or self._rows >= ROWS_LIMIT):
            key = (is_outbound, REST, 0)
        before = rows.get(key)
        if before is None:
            self._rows += 1
            before = (0, 0)
        rows[key] = (before[0] + opened, before[1] + refused)

    def take(self) -> list[Decided]:
        """All rows, in order, each as far as it was not taken before."""
        peers, self._peers, self._rows = self._peers, {}, 0
        return [Decided(peer, *key, *peers[peer][key]) for peer in sorted(peers) for key in sorted(peers[peer])]
