"""A context for tests of single parts of a node."""

from __future__ import annotations

from zerogo.ids import MacAddress, NetworkId
from zerogo.mesh.context import IndexPool, NodeContext, Pace, Timestamps
from zerogo.mesh.events import NodeEvent
from zerogo.mesh.outbox import Outbox
from zerogo.mesh.spec import PeerSpec
from zerogo.noise.identity import Identity
from zerogo.noise.timestamp import HandshakeClock
from zerogo.testing.clock import seeded_bytes

NETWORK = NetworkId(b"abcde")
PSK = bytes(range(32))
ANN = Identity.generate(seeded_bytes("ann"))
BOB = Identity.generate(seeded_bytes("bob"))
EVE = Identity.generate(seeded_bytes("eve"))


def context(identity: Identity = ANN, seed: object = 1) -> NodeContext:
    """What the parts of one node share."""
    rng = seeded_bytes(f"{identity.node_id} {seed}")
    return NodeContext(
        identity=identity,
        network=NETWORK,
        psk=PSK,
        rng=rng,
        capabilities=frozenset(),
        outbox=Outbox(),
        indexes=IndexPool(rng),
        timestamps=Timestamps(1e9, HandshakeClock()),
        pace=Pace(),
    )


def spec(identity: Identity, name: str = "peer") -> PeerSpec:
    """A record of the map."""
    return PeerSpec(
        node_id=identity.node_id,
        static_public=identity.static_public,
        name=name,
        mac=MacAddress.for_node(NETWORK, identity.static_public),
    )


def drained(shared: NodeContext, *kinds: type) -> list[NodeEvent]:
    """Events of these kinds since the last call."""
    return [event for event in shared.outbox.events() if isinstance(event, kinds or (object,))]
