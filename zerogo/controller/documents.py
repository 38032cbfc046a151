# -*- test-case-name: zerogo.test.controller.test_api -*-
"""The JSON documents of the API. Times are RFC 3339 in UTC, ids are text; unknown keys of a request are refused."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from zerogo.control.coordinator_events import Presence
from zerogo.control.netmap import DEFAULT_MTU
from zerogo.control.subnets import TEXT_LIMIT
from zerogo.store.paging import Piece, emit_cursor
from zerogo.store.values import Approval, PskMode, StoredJoinKey, StoredMember, StoredNetwork, StoredState

Name = Annotated[str, Meta(min_length=1, max_length=63)]
TIMES_KEPT = 4096
"""As text: a list of members shows each its two times again and again, and to write one takes as long as all its other
columns."""
_Mtu = Annotated[int, Meta(ge=1280, le=9000)]


class RequestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request's body."""


_Tag = Annotated[str, Meta(min_length=1, max_length=32, pattern="^[a-z0-9][a-z0-9-]*$")]
_Tags = Annotated[list[_Tag], Meta(max_length=16)]
Item = TypeVar("Item")
Stored = TypeVar("Stored")


class NewNetworkRequest(RequestBody, frozen=True):
    """A network to make; ranges left out are chosen at random."""

    name: Name
    ipv4: str | None = None
    ipv6: str | None = None
    mtu: _Mtu = DEFAULT_MTU
    approval: Approval = Approval.AUTOMATIC
    psk_mode: PskMode = PskMode.MANAGED


class NetworkChange(RequestBody, frozen=True):
    """What to change of a network (JSON Merge Patch)."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    mtu: _Mtu | msgspec.UnsetType = msgspec.UNSET
    approval: Approval | msgspec.UnsetType = msgspec.UNSET
    flow_log: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether members tell what they decide by the policy."""


class MemberChange(RequestBody, frozen=True):
    """What to change of a member (JSON Merge Patch). A member that is blocked keeps its name and addresses."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    state: Literal["approved", "denied", "blocked"] | msgspec.UnsetType = msgspec.UNSET
    is_bridge: bool | msgspec.UnsetType = msgspec.UNSET
    tags: _Tags | msgspec.UnsetType = msgspec.UNSET
    addresses: Annotated[list[Annotated[str, Meta(max_length=45)]], Meta(max_length=2)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    """In place of those that it holds; a family that is left out stays as it is."""


class SubnetDecision(RequestBody, frozen=True):
    """Whether others may reach a network through a member."""

    subnet: Annotated[str, Meta(max_length=TEXT_LIMIT)]
    is_approved: bool


class InviteRequest(RequestBody, frozen=True):
    """An invite to make. `addresses` (`host:port`) are how the machines reach this controller; left out, the controller
    writes those it knows of itself."""

    uses: Annotated[int, Meta(ge=1, le=100_000)] = 1
    expires_seconds: Annotated[float, Meta(gt=0, le=316_224_000)] = 86_400.0
    approval: Approval = Approval.AUTOMATIC
    tags: _Tags = []
    is_ephemeral: bool = False
    addresses: Annotated[list[Annotated[str, Meta(max_length=260)]], Meta(max_length=8)] = []


class NetworkDocument(msgspec.Struct, frozen=True):
    """A network."""

    id: str
    name: str
    ipv4: str | None
    ipv6: str | None
    mtu: int
    approval: Approval
    psk_mode: PskMode
    flow_log: bool
    """Whether members tell what they decide by the policy (`GET .../flows`)."""
    revision: int
    members: int
    pending: int
    created_at: str

    @classmethod
    def of(cls, network: StoredNetwork) -> NetworkDocument:
        """As stored."""
        return cls(
            id=str(network.network),
            name=network.name,
            ipv4=network.ipv4_prefix,
            ipv6=network.ipv6_prefix,
            mtu=network.mtu,
            approval=network.approval,
            psk_mode=network.psk_mode,
            flow_log=network.flow_log,
            revision=network.revision,
            members=network.members,
            pending=network.pending,
            created_at=rfc3339(network.created_at),
        )


class SubnetDocument(msgspec.Struct, frozen=True):
    """A network behind a member; others reach it where it is both."""

    subnet: str
    is_announced: bool
    is_approved: bool


class MemberDocument(msgspec.Struct, frozen=True):
    """A member."""

    id: str
    network: str
    name: str
    state: StoredState
    mac: str
    addresses: list[str]
    capabilities: list[str]
    is_bridge: bool
    version: str
    tags: list[str]
    is_ephemeral: bool
    created_at: str
    last_seen_at: str
    is_online: bool
    source: str | None
    """The host its control connection comes from."""
    rtt_ms: float | None
    """Of its control connection."""
    plane: str | None
    """Its data plane, `native` or `reference`; null until it told."""
    nat_mapping: str | None
    """How its NAT maps: `none`, `stable`, `per-destination` (hard) or `unknown`."""
    nat_ports: str | None
    """How its NAT chooses ports: `preserved`, `sequential`, `block`, `random` or `unknown`."""
    subnets: list[SubnetDocument]

    @classmethod
    def of(cls, member: StoredMember, presence: Presence | None) -> MemberDocument:
        """As stored and as present."""
        rtt = None if presence is None else presence.rtt
        facts = None if presence is None else presence.facts
        return cls(
            id=str(member.node_id),
            network=str(member.network),
            name=member.name,
            state=member.state,
            mac=str(member.mac),
            addresses=list(member.addresses),
            capabilities=list(member.capabilities),
            is_bridge=member.is_bridge,
            version=member.version,
            tags=list(member.tags),
            is_ephemeral=member.is_ephemeral,
            created_at=rfc3339(member.created_at),
            last_seen_at=rfc3339(member.last_seen_at),
            is_online=presence is not None,
            source=None if presence is None else presence.source,
            rtt_ms=None if rtt is None else round(rtt * 1000, 2),
            plane=None if facts is None else facts.plane,
            nat_mapping=None if facts is None else facts.mapping,
            nat_ports=None if facts is None else facts.ports,
            subnets=[SubnetDocument(one.subnet, one.is_announced, one.is_approved) for one in member.subnets],
        )


class InviteDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invite; `join_url` is there once, in the answer to its making."""

    id: str
    network: str
    uses: int
    uses_left: int
    approval: Approval
    created_by: str
    created_at: str
    expires_at: str
    is_revoked: bool
    tags: list[str]
    is_ephemeral: bool
    join_url: str | None = None

    @classmethod
    def of(cls, key: StoredJoinKey, join_url: str | None = None) -> InviteDocument:
        """As stored."""
        return cls(
            id=key.key_id,
            network=str(key.network),
            uses=key.uses_total,
            uses_left=key.uses_left,
            approval=key.approval,
            created_by=key.created_by,
            created_at=rfc3339(key.created_at),
            expires_at=rfc3339(key.expires_at),
            is_revoked=key.revoked_at is not None,
            tags=list(key.tags),
            is_ephemeral=key.is_ephemeral,
            join_url=join_url,
        )


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """A piece of a list; `next_cursor` asks for the next one, null where this is the last."""

    items: list[Item]
    next_cursor: str | None = None


def page(piece: Piece[Stored], document: Callable[[Stored], Item]) -> Page[Item]:
    """A piece of a list as its document."""
    cursor = None if piece.next is None else emit_cursor(piece.next)
    return Page([document(item) for item in piece.items], cursor)


def rfc3339(unix_time: float) -> str:
    """A time as the API writes it, in whole seconds."""
    return _rfc3339(math.floor(unix_time))


@functools.lru_cache(TIMES_KEPT)
def _rfc3339(unix_time: int) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
