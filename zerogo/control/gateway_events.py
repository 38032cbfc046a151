# -*- test-case-name: zerogo.test.control.test_gateways -*-
"""What the core of all gateways (`zerogo.control.gateways`) tells its owner."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.control.gateway_messages import ClaimRequest, Discrepancy, EdgeHere, Enter, LeaseRequest, Usage
from zerogo.ids import NodeId


@frozen
class EnterWanted:
    """Look this gateway up; answer with `admit` or `refuse`."""

    connection: int
    gateway: NodeId
    static_public: bytes = field(repr=False)
    enter: Enter
    source: str


@frozen
class UsageReported:
    """Store it, then say `Acked` by `send`."""

    connection: int
    gateway: NodeId
    boot: bytes
    usage: Usage


@frozen
class LeaseWanted:
    """Answer with a `Lease` by `send`."""

    connection: int
    gateway: NodeId
    request: LeaseRequest


@frozen
class EdgesReported:
    """Edges that came to a gateway."""

    gateway: NodeId
    here: tuple[EdgeHere, ...]


@frozen
class AnswerReceived:
    """The document that `Ask` asked for."""

    gateway: NodeId
    number: int
    document: bytes


@frozen
class DiscrepancyReported:
    """An edge counts otherwise than its gateway."""

    gateway: NodeId
    report: Discrepancy


@frozen
class GatewayHere:
    """A gateway is present (or has room again): bring it up to date. `revision` is that of the accounts it holds."""

    connection: int
    gateway: NodeId
    revision: int


@frozen
class GatewayGone:
    """A gateway is not present any more."""

    gateway: NodeId


@frozen
class ClaimsWanted:
    """Answer with `Claimed` by `send`."""

    connection: int
    request: ClaimRequest


@frozen(kw_only=True)
class GatewayPresence:
    """What is known of a connected gateway."""

    gateway: NodeId
    source: str
    connected_seconds: float
    version: str
    streams: int
    users: int
    edges: int
    is_draining: bool = False


OfficeEvent = (
    EnterWanted
    | UsageReported
    | LeaseWanted
    | ClaimsWanted
    | EdgesReported
    | AnswerReceived
    | DiscrepancyReported
    | GatewayHere
    | GatewayGone
)
