# -*- test-case-name: zerogo.test.mesh.test_node -*-
"""What a node knows about its peers and about the input it refused, as snapshots for `status`, logs and metrics."""

from __future__ import annotations

import enum

from attrs import field, frozen

from zerogo.ids import Endpoint, NodeId
from zerogo.mesh.events import PathKind, PeerState
from zerogo.mesh.signal import Offer
from zerogo.routing.score import Score


@frozen(kw_only=True)
class PathStatus:
    """One candidate path of a peer. Times are seconds, None where nothing was measured yet."""

    destination: Endpoint
    kind: PathKind
    relay: str
    """The name of the relay that it goes by; empty for none."""
    far: str = ""
    """The other end of the TCP connection that it goes by; empty for none."""
    local_candidate: str
    remote_candidate: str
    is_active: bool
    is_alive: bool
    rtt: float | None
    """Smoothed."""
    rtt_min: float | None
    jitter: float | None
    loss: float
    """Share of the last probes that were not answered, 0 to 1."""
    mtu: int
    score: Score


@frozen
class PathChange:
    """Another path was used from then on."""

    at: float
    """Monotonic seconds."""
    kind: PathKind | None
    """None where no path was left."""
    way: str
    reason: str


@frozen(kw_only=True)
class PeerStatus:
    """One peer. Ages and times are seconds, None where the thing never happened."""

    peer: int
    node_id: NodeId
    name: str
    addresses: tuple[str, ...]
    state: PeerState
    reason: str
    """One sentence: why the peer is not connected; empty where it is."""
    path: PathStatus | None
    """The active one."""
    paths: tuple[PathStatus, ...]
    """All candidate paths, the active one among them."""
    handshake_age: float | None
    seconds_to_direct: float | None
    """From the moment the peer was added, or lost, to its first direct path with a session."""
    next_try_in: float | None
    """Seconds until a peer that is not connected is tried again."""
    seconds_to_offer: float | None = None
    """From the same moment until the peer had told all that it knows of where it may be reached."""
    seconds_to_checks: float | None = None
    """Until both ends began their checks."""
    at: float = 0.0
    """When this was so, monotonic seconds."""
    history: tuple[PathChange, ...] = ()
    """Changes of the path in use, the newest last."""
    complaint: str = ""
    """What is held against the peer as a carrier for us; empty while it is trusted."""
    theirs: Offer = field(factory=Offer)
    """What the peer told last of where it may be reached."""


class Refusal(enum.StrEnum):
    """Input that a node did not act on, by reason; the values are part of `status --json`."""

    UNKNOWN_DATAGRAM = "unknown_datagram"
    MALFORMED_STUN = "malformed_stun"
    FOREIGN_STUN = "foreign_stun"
    FORGED_STUN = "forged_stun"
    MALFORMED_HANDSHAKE = "malformed_handshake"
    FORGED_MAC = "forged_mac"
    FORGED_HANDSHAKE = "forged_handshake"
    UNKNOWN_PEER = "unknown_peer"
    REPLAYED_INITIATION = "replayed_initiation"
    TOO_MANY_INITIATIONS = "too_many_initiations"
    COOKIE_DEMANDED = "cookie_demanded"
    STALE_RESPONSE = "stale_response"
    STALE_COOKIE = "stale_cookie"
    MALFORMED_CONTROL = "malformed_control"
    STALE_ANSWER = "stale_answer"
    MALFORMED_SIGNAL = "malformed_signal"
    FOREIGN_CHANNEL = "foreign_channel"
    UNKNOWN_SIGNAL_SENDER = "unknown_signal_sender"
    TOO_MANY_CANDIDATES = "too_many_candidates"
    INVALID_PEER = "invalid_peer"
    OUTPUT_OVERFLOW = "output_overflow"
    UNWANTED_ROUTE = "unwanted_route"
    ROUTE_FLOOD = "route_flood"
    ROUTE_FOREIGN = "route_foreign"
    ROUTE_STALE = "route_stale"
    ROUTE_FORGED = "route_forged"


@frozen
class NodeCounters:
    """How often each kind of input was refused since the node began; all reasons are present, zero or not."""

    refusals: dict[Refusal, int]
