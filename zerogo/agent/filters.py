# -*- test-case-name: zerogo.test.agent.test_filters -*-
"""What the policy lets pass between this machine and each member, carried over to the data plane.

The plane has a peer's filter before it has a session with it, since both are told in the order in which they are
called; a change is told for those peers alone whose filter is another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zerogo.control.netmap import NetworkMap
from zerogo.control.policy_sheet import FilterSheet, filters_in_force
from zerogo.ids import NodeId
from zerogo.policy.compile import CLOSED
from zerogo.policy.filter import PeerFilter

NodeFilters = Mapping[NodeId, PeerFilter | None]
"""By member; None: everything may pass."""


class Gates(Protocol):
    """What of the plane is needed here."""

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None: ...


def node_filters(network_map: NetworkMap, sheet: FilterSheet | None, us: NodeId) -> NodeFilters:
    """What each member of the map is held against."""
    in_force = filters_in_force(network_map, sheet, us)
    if in_force is None:
        return dict.fromkeys(record.node_id for record in network_map.members)
    return {record.node_id: in_force.of(record.policy_class) for record in network_map.members}


class Filters:
    """The filters of one plane."""

    def __init__(self, plane: Gates) -> None:
        self._plane = plane
        self._wanted: NodeFilters = {}
        self._nodes: dict[int, NodeId] = {}
        self._told: dict[int, PeerFilter | None] = {}

    def use(self, wanted: NodeFilters) -> None:
        """These hold from now on; to be called before the members of the same map are taken over."""
        self._wanted = wanted
        for peer in self._nodes:
            self._tell(peer)

    def peer_set(self, peer: int, node_id: NodeId) -> None:
        """The plane knows this peer."""
        self._nodes[peer] = node_id
        self._tell(peer)

    def peer_removed(self, peer: int) -> None:
        """The plane has forgotten it, and its filter."""
        self._nodes.pop(peer, None)
        self._told.pop(peer, None)

    def node_of(self, peer: int) -> NodeId | None:
        """Whose number that is."""
        return self._nodes.get(peer)

    def of(self, node_id: NodeId) -> PeerFilter | None:
        """What a member is held against."""
        return self._wanted.get(node_id, CLOSED)

    def _tell(self, peer: int) -> None:
        wanted = self.of(self._nodes[peer])
        if wanted != self._told.get(peer):
            self._plane.set_filter(peer, wanted)
            self._told[peer] = wanted
