"""What a node does about each of its peers: a peer is keys (noise), reachability (ice) and paths, kept going for ever.

`Node` is the core; one per network. Its driver hands it the map of members, the host's addresses, what came in on the
data socket and what the controller passed on; it drains datagrams to send and events for the data plane and the
controller. Nothing here touches a frame.

How a peer gets connected:

1. Both ends derive the pair's ICE credentials from their static keys (`credentials`), so checks need no agreement.
2. Candidates travel through the controller in *signals* (`signal`, `signalling`); the end with the smaller static key
   *leads*: it asks the controller to start the checks of both ends at one moment, and it opens the handshake.
3. The ICE agent of the peer finds address pairs that carry datagrams both ways; each becomes a `Path` (`paths`).
4. On the first of them the Noise handshake runs (`keying`); the end that does not lead takes over after a second.
5. Inside the session, probes measure each path (`probing`, `measure`); `choice` picks the one to use.

A path in use that stops answering is left at once; with no other one the search begins anew. Unauthentic input costs a
counter (`status.Refusal`) and nothing else: no peer is ever created by a datagram.
"""

from zerogo.mesh.events import NodeEvent, PathKind, PeerState
from zerogo.mesh.node import Node
from zerogo.mesh.settings import NodeSettings
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import NodeCounters, PathStatus, PeerStatus, Refusal

__all__ = [
    "Node",
    "NodeCounters",
    "NodeEvent",
    "NodeSettings",
    "PathKind",
    "PathStatus",
    "PeerSpec",
    "PeerState",
    "PeerStatus",
    "Refusal",
]
