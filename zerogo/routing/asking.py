# -*- test-case-name: zerogo.test.routing.test_asking -*-
"""Which neighbours are asked about which nodes, and when: those that are near first, sixteen at a time.

Nodes are wanted for this node itself, or on behalf of others. All willing neighbours are asked about a node that no
route to is known of; once there are routes, only those neighbours are asked again that had something to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from zerogo.ids import NodeId
from zerogo.wire.links import NODES_LIMIT, LinkRequest

NEIGHBOURS_AT_ONCE = 16
GAP_SECONDS = 0.25
"""Between two rounds of so many neighbours."""


@define(eq=False)
class Asking:
    """What is still to be asked."""

    _pending: dict[NodeId, dict[NodeId, bool]] = field(factory=dict, init=False)
    """By neighbour; the value says whether it is to ask on."""
    _next_at: float = field(default=0.0, init=False)

    def ask(self, neighbours: Iterable[NodeId], node: NodeId, *, ask_on: bool) -> None:
        """Have these neighbours asked about `node`."""
        for neighbour in neighbours:
            if neighbour != node:
                nodes = self._pending.setdefault(neighbour, {})
                nodes[node] = ask_on or nodes.get(node, False)

    def neighbour_lost(self, neighbour: NodeId) -> None:
        """It cannot be asked any more."""
        self._pending.pop(neighbour, None)

    def answered(self, nodes: Iterable[NodeId]) -> None:
        """Enough is known about these: nobody needs to be asked any more."""
        for node in nodes:
            for neighbour, asked in list(self._pending.items()):
                asked.pop(node, None)
                if not asked:
                    del self._pending[neighbour]

    def nodes(self) -> dict[NodeId, None]:
        """What is to be asked about."""
        return {node: None for asked in self._pending.values() for node in asked}

    def is_due(self, now: float) -> bool:
        """Whether the next neighbours may be asked."""
        return bool(self._pending) and now >= self._next_at

    def next_at(self) -> float | None:
        """When the next neighbours are to be asked."""
        return self._next_at if self._pending else None

    def first(self, order: Iterable[NodeId], now: float) -> Iterator[tuple[NodeId, list[LinkRequest]]]:
        """The neighbours to ask now and what, in that order; each that is taken was asked."""
        if not self.is_due(now):
            return
        self._next_at = now + GAP_SECONDS
        chosen = [neighbour for neighbour in order if neighbour in self._pending][:NEIGHBOURS_AT_ONCE]
        for neighbour in chosen:
            yield neighbour, list(_requests(self._pending[neighbour]))
            del self._pending[neighbour]

    def __len__(self) -> int:
        return len(self._pending)


def _requests(nodes: dict[NodeId, bool]) -> Iterator[LinkRequest]:
    for ask_on in (True, False):
        chosen = [node for node, wants in nodes.items() if wants is ask_on]
        for start in range(0, len(chosen), NODES_LIMIT):
            yield LinkRequest(tuple(chosen[start : start + NODES_LIMIT]), ask_on)
