# -*- test-case-name: zerogo.test.mesh.test_node -*-
"""What the rest of the program tells the mesh about a peer: one signed record of the network map, as a frozen value."""

from __future__ import annotations

from attrs import frozen

from zerogo.ice.candidate import Candidate
from zerogo.ids import MacAddress, NodeId, SocketAddress


@frozen(kw_only=True)
class PeerSpec:
    """A member of the network other than this node."""

    node_id: NodeId
    static_public: bytes
    """X25519 key, 32 bytes; `node_id` is its hash."""
    signing_public: bytes = b""
    """Ed25519 key, 32 bytes; without it nothing that the member signed is believed."""
    name: str
    mac: MacAddress
    addresses: tuple[str, ...] = ()
    """Its IPv4 and IPv6 addresses in the segment."""
    capabilities: frozenset[str] = frozenset()
    """Signed feature names, `aesgcm` among them; unknown ones are ignored."""
    subnets: tuple[str, ...] = ()
    """IP prefixes behind it, such as `192.168.7.0/24`."""
    is_bridge: bool = False
    endpoints: tuple[SocketAddress, ...] = ()
    """Where it was reached last, if that is known: candidates to try while no signalling works."""
    streams: tuple[Candidate, ...] = ()
    """Where it took TCP connections, as it told last: what is dialled until it tells again."""
