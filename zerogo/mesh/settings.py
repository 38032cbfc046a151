# -*- test-case-name: zerogo.test.mesh.test_node -*-
"""What a node is and stays, as one frozen value."""

from __future__ import annotations

from attrs import Factory, field, frozen

from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.routing.policy import RoutingPolicy


@frozen(kw_only=True)
class NodeSettings:
    """What a node is and stays."""

    identity: Identity
    network: NetworkId
    psk: bytes = field(repr=False)
    """The network's pre-shared key, 32 bytes."""
    capabilities: frozenset[str] = frozenset()
    """As signed in this node's own record of the map."""
    policy: RoutingPolicy = Factory(RoutingPolicy)
    """What the owner allows of paths."""
    handshake_mark: bytes | None = None
    """The last `HandshakeMarkChanged` of this identity's earlier node."""
