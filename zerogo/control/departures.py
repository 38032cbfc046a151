# -*- test-case-name: zerogo.test.control.test_departures -*-
"""Who has left networks, seen from one map to the next.

Each removal is looked at once, by its revision. The first map of a network that is seen, after a start of the
controller, names all that the store remembers of it: whoever went while no controller ran is among them.
"""

from __future__ import annotations

from collections.abc import Collection

from zerogo.control.publication import MapView
from zerogo.ids import NetworkId, NodeId


class Departures:
    """Remembers of each network the newest revision that was seen, and its members."""

    def __init__(self) -> None:
        self._seen: dict[NetworkId, int] = {}
        self._members: dict[NetworkId, Collection[NodeId]] = {}

    def see(self, view: MapView) -> tuple[NodeId, ...]:
        """Those who went from this network since the last view of it. They may be members of another one."""
        network, revision = view.network_map.network, view.network_map.revision
        seen = self._seen.get(network, 0)
        if revision < seen:
            return ()
        self._seen[network], self._members[network] = revision, view.changed_at.keys()
        return tuple(node_id for node_id, removed_at in view.removed_at.items() if removed_at > seen)

    def network_gone(self, network: NetworkId) -> tuple[NodeId, ...]:
        """The network was deleted: those who were its members when it was seen last."""
        self._seen.pop(network, None)
        return tuple(self._members.pop(network, ()))
