# -*- test-case-name: zerogo.test.control.test_coordinator -*-
"""What the coordinator asks and tells its owner, and what it is answered with."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.control.connection import Registration
from zerogo.control.messages import AgentFacts, FlowsReport, LinksReport
from zerogo.ids import NetworkId, NodeId


@frozen
class RegistrationWanted:
    """Look this agent up; answer with `admit`, `hold` or `refuse`."""

    connection: int
    registration: Registration


@frozen
class MapWanted:
    """Read this network; answer with `install`, or `map_failed`."""

    network: NetworkId


@frozen
class LeaveWanted:
    """A member leaves for good: remove it."""

    network: NetworkId
    node_id: NodeId


@frozen
class CapabilitiesChanged:
    """Store these capabilities of a member, and these networks that it says are behind it."""

    network: NetworkId
    node_id: NodeId
    capabilities: tuple[str, ...]
    subnets: tuple[str, ...] = ()


@frozen
class MemberConnected:
    """A member is present."""

    network: NetworkId
    node_id: NodeId


@frozen
class MemberDisconnected:
    """A member is not present any more."""

    network: NetworkId
    node_id: NodeId


@frozen
class Elsewhere:
    """A member that is not connected here is to be told something: other controllers may have it."""

    network: NetworkId
    node_id: NodeId
    content: bytes = field(repr=False)
    """For `Coordinator.receive_elsewhere` of the one that has."""


@frozen
class LinksReported:
    """A member told what changed of its links."""

    network: NetworkId
    node_id: NodeId
    report: LinksReport


@frozen
class FlowsReported:
    """A member told what it decided by the policy."""

    network: NetworkId
    node_id: NodeId
    report: FlowsReport


@frozen
class CloseWanted:
    """Close this connection, after what came before."""

    connection: int
    reason: str
    is_abrupt: bool = False
    """Do not wait for the other end: it is one of too many."""


CoordinatorEvent = (
    RegistrationWanted
    | MapWanted
    | LeaveWanted
    | CapabilitiesChanged
    | MemberConnected
    | MemberDisconnected
    | Elsewhere
    | LinksReported
    | FlowsReported
)


@frozen(kw_only=True)
class Admission:
    """What a member is welcomed with."""

    name: str
    addresses: tuple[str, ...]
    psk: bytes | None = field(default=None, repr=False)
    revision: int
    """Of the first map that shows the member as it is."""
    network_revision: int = 0
    """Of the network as it is stored."""


@frozen(kw_only=True)
class Presence:
    """What is known of a connected member."""

    source: str
    connected_seconds: float
    rtt: float | None
    """Of the control connection, seconds."""
    facts: AgentFacts | None = None
    """What the agent told of itself."""
