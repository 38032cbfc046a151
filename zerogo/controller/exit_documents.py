# -*- test-case-name: zerogo.test.controller.test_exit_routes -*-
"""The JSON documents about exits: users, packages, gateways, edges, keys, what passed. Counts are payload bytes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from zerogo.control.gateway_events import GatewayPresence
from zerogo.control.gateway_messages import EdgeHere
from zerogo.controller.documents import RequestBody, rfc3339
from zerogo.exit.account import LIST_LIMIT, NAME_PATTERN, RATE_LIMIT
from zerogo.exit.grant import RouteMode
from zerogo.ids import NodeId
from zerogo.store.exit_values import (
    KeyKind,
    StatsRow,
    StoredDenial,
    StoredEdge,
    StoredExitKey,
    StoredExitUser,
    StoredGateway,
    StoredPackage,
    StreamRow,
)

UserName = Annotated[str, Meta(pattern=NAME_PATTERN.replace(r"\A", "^").replace(r"\Z", "$"))]
PackageName = Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
_Password = Annotated[str, Meta(min_length=8, max_length=256)]
_Rate = Annotated[int, Meta(ge=0, le=RATE_LIMIT)]
_Streams = Annotated[int, Meta(ge=0, le=1_000_000)]
_Label = Annotated[str, Meta(max_length=64, pattern="^[a-z0-9._-]+$")]
_Labels = Annotated[list[_Label], Meta(max_length=LIST_LIMIT)]
_Ranges = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=LIST_LIMIT)]
_Places = Annotated[list[Annotated[str, Meta(max_length=260)]], Meta(max_length=8)]
_EdgeId = Annotated[str, Meta(pattern="^([a-z2-7]{16})?$")]
_Minutes = Annotated[int, Meta(ge=1, le=1440)]
_Seconds = Annotated[float, Meta(ge=0, le=316_224_000)]
_Bytes = Annotated[int, Meta(ge=0, le=2**53)]
_Unix = Annotated[float, Meta(ge=0, le=4e9)]


class NewExitUserRequest(RequestBody, frozen=True, kw_only=True):
    """A user to make. Rates are bytes per second of all streams at all gateways; 0 is without limit. `expires_at` is
    unix time; 0: never. Empty lists allow everything."""

    name: UserName
    password: _Password
    package: PackageName | None = None
    upload: _Rate = 0
    download: _Rate = 0
    streams: _Streams = 1024
    reply: Literal["late", "early"] = "late"
    may_listen: bool = False
    may_datagrams: bool = True
    sources: _Ranges = msgspec.field(default_factory=list)
    zones: _Labels = msgspec.field(default_factory=list)
    regions: _Labels = msgspec.field(default_factory=list)
    countries: _Labels = msgspec.field(default_factory=list)
    edges: _Labels = msgspec.field(default_factory=list)
    mode: RouteMode = RouteMode.AUTO
    edge: _EdgeId = ""
    minutes: _Minutes = 10
    expires_at: _Unix = 0.0
    is_paused: bool = False


class ExitUserChange(RequestBody, frozen=True, kw_only=True):
    """What to change of a user (JSON Merge Patch); each acts on live streams. `used` sets what is used of the package
    in a window that begins now."""

    password: _Password | UnsetType = UNSET
    package: PackageName | UnsetType | None = UNSET
    used: _Bytes | UnsetType = UNSET
    upload: _Rate | UnsetType = UNSET
    download: _Rate | UnsetType = UNSET
    streams: _Streams | UnsetType = UNSET
    reply: Literal["late", "early"] | UnsetType = UNSET
    may_listen: bool | UnsetType = UNSET
    may_datagrams: bool | UnsetType = UNSET
    sources: _Ranges | UnsetType = UNSET
    zones: _Labels | UnsetType = UNSET
    regions: _Labels | UnsetType = UNSET
    countries: _Labels | UnsetType = UNSET
    edges: _Labels | UnsetType = UNSET
    mode: RouteMode | UnsetType = UNSET
    edge: _EdgeId | UnsetType = UNSET
    minutes: _Minutes | UnsetType = UNSET
    expires_at: _Unix | UnsetType = UNSET
    is_paused: bool | UnsetType = UNSET


class ExitUserDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the exits. `left_bytes` counts what gateways have leased (`leased_bytes`) as not used."""

    name: str
    package: str | None
    package_bytes: int | None
    used_bytes: int | None
    left_bytes: int | None
    leased_bytes: int
    window_ends_at: str | None
    total_up: int
    total_down: int
    live_streams: int
    upload: int
    download: int
    streams: int
    reply: str
    may_listen: bool
    may_datagrams: bool
    sources: list[str]
    zones: list[str]
    regions: list[str]
    countries: list[str]
    edges: list[str]
    mode: RouteMode
    edge: str
    minutes: int
    expires_at: float
    is_paused: bool
    created_at: str

    @classmethod
    def of(cls, user: StoredExitUser, live: int, unix_now: float) -> ExitUserDocument:
        """As stored and as live."""
        account, package = user.account, user.package
        left, ends_at = user.left(unix_now), user.window_ends_at
        return cls(
            name=account.name,
            package=None if package is None else package.name,
            package_bytes=None if package is None else package.size,
            used_bytes=None if package is None or left is None else package.size - left,
            left_bytes=None if left is None else max(0, left),
            leased_bytes=user.leased,
            window_ends_at=None if ends_at is None else rfc3339(max(ends_at, unix_now)),
            total_up=user.total_up,
            total_down=user.total_down,
            live_streams=live,
            upload=account.upload,
            download=account.download,
            streams=account.streams,
            reply="early" if account.is_early else "late",
            may_listen=account.may_listen,
            may_datagrams=account.may_datagrams,
            sources=account.sources,
            zones=account.zones,
            regions=account.regions,
            countries=account.countries,
            edges=account.edges,
            mode=account.mode,
            edge=account.edge,
            minutes=account.minutes,
            expires_at=account.expires_at,
            is_paused=account.is_paused,
            created_at=rfc3339(user.created_at),
        )


class NewPackageRequest(RequestBody, frozen=True):
    """A traffic package: so many bytes in each window of so many seconds; 0 seconds: once."""

    name: PackageName
    bytes: _Bytes
    seconds: _Seconds = 0.0


class PackageChange(RequestBody, frozen=True):
    """What to change of a package (JSON Merge Patch)."""

    bytes: _Bytes | UnsetType = UNSET
    seconds: _Seconds | UnsetType = UNSET


class PackageDocument(msgspec.Struct, frozen=True):
    """A traffic package."""

    name: str
    bytes: int
    seconds: float

    @classmethod
    def of(cls, package: StoredPackage) -> PackageDocument:
        """As stored."""
        return cls(package.name, package.size, package.seconds)


class GatewayChange(RequestBody, frozen=True):
    """A gateway that drains keeps its streams, and is given no more edges."""

    is_draining: bool


class GatewayDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway."""

    id: str
    name: str
    addresses: list[str]
    region: str
    is_draining: bool
    is_online: bool
    source: str | None
    version: str
    streams: int
    users: int
    edges: int
    edges_limit: int
    created_at: str
    last_seen_at: str

    @classmethod
    def of(cls, gateway: StoredGateway, here: GatewayPresence | None) -> GatewayDocument:
        """As stored and as present."""
        return cls(
            id=str(gateway.gateway),
            name=gateway.name,
            addresses=list(gateway.addresses),
            region=gateway.region,
            is_draining=gateway.is_draining,
            is_online=here is not None,
            source=None if here is None else here.source,
            version="" if here is None else here.version,
            streams=0 if here is None else here.streams,
            users=0 if here is None else here.users,
            edges=0 if here is None else here.edges,
            edges_limit=gateway.edges_limit,
            created_at=rfc3339(gateway.created_at),
            last_seen_at=rfc3339(gateway.last_seen_at),
        )


class EdgeChange(RequestBody, frozen=True):
    """An edge that is denied is sent away at once and kept out."""

    is_denied: bool


class EdgeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An edge. `discrepancy_bytes`: what it counted otherwise than gateways, beyond the tolerance."""

    id: str
    name: str
    country: str
    region: str
    city: str
    asn: int
    address: str
    version: str
    is_online: bool
    gateways: list[str]
    is_denied: bool
    consent_at: str | None
    discrepancy_bytes: int
    created_at: str
    last_seen_at: str

    @classmethod
    def of(cls, edge: StoredEdge, here: tuple[EdgeHere, list[NodeId]] | None) -> EdgeDocument:
        """As stored and as present."""
        return cls(
            id=edge.edge,
            name=edge.name,
            country=edge.country,
            region=edge.region,
            city=edge.city,
            asn=edge.asn,
            address=edge.address,
            version=edge.version,
            is_online=here is not None,
            gateways=[] if here is None else [str(gateway) for gateway in here[1]],
            is_denied=edge.is_denied,
            consent_at=rfc3339(edge.consent_at) if edge.consent_at else None,
            discrepancy_bytes=edge.discrepancy,
            created_at=rfc3339(edge.created_at),
            last_seen_at=rfc3339(edge.last_seen_at),
        )


class NewDenialRequest(RequestBody, frozen=True):
    """Addresses to keep out, as in `192.0.2.0/24`, for so many seconds or until it is deleted."""

    range: Annotated[str, Meta(min_length=2, max_length=50)]
    reason: Annotated[str, Meta(max_length=200)] = ""
    expires_seconds: Annotated[float, Meta(gt=0, le=316_224_000)] | None = None


class DenialDocument(msgspec.Struct, frozen=True):
    """Addresses that are kept out."""

    id: str
    range: str
    reason: str
    created_by: str
    created_at: str
    expires_at: str | None

    @classmethod
    def of(cls, denial: StoredDenial) -> DenialDocument:
        """As stored."""
        return cls(
            denial.denial_id,
            denial.range,
            denial.reason,
            denial.created_by,
            rfc3339(denial.created_at),
            rfc3339(denial.ends_at) if denial.ends_at else None,
        )


class NewExitKeyRequest(RequestBody, frozen=True):
    """A key to make, for gateways or for edges. `addresses` (`host:port`) are how they reach whom they join: left out,
    those that this controller knows of itself, or of its gateways."""

    kind: KeyKind
    expires_seconds: Annotated[float, Meta(gt=0, le=316_224_000)] = 90 * 86_400.0
    addresses: _Places = msgspec.field(default_factory=list)


class ExitKeyDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key; `join_url` is there once, in the answer to its making."""

    id: str
    kind: KeyKind
    created_by: str
    created_at: str
    expires_at: str
    join_url: str | None = None

    @classmethod
    def of(cls, key: StoredExitKey, join_url: str | None = None) -> ExitKeyDocument:
        """As stored."""
        return cls(key.key_id, key.kind, key.created_by, rfc3339(key.created_at), rfc3339(key.expires_at), join_url)


class ExitKeysDocument(msgspec.Struct, frozen=True):
    """All keys that are good."""

    items: list[ExitKeyDocument]


class StatsDocument(msgspec.Struct, frozen=True):
    """What passed, as columns, oldest first; `began_at` is unix time."""

    subject: list[str]
    began_at: list[float]
    up: list[int]
    down: list[int]
    streams: list[int]

    @classmethod
    def of(cls, rows: list[StatsRow]) -> StatsDocument:
        """As stored."""
        return cls(
            [row.subject for row in rows],
            [row.began_at for row in rows],
            [row.up for row in rows],
            [row.down for row in rows],
            [row.streams for row in rows],
        )


class StreamDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that is over."""

    number: int
    gateway: str
    user: str
    source: str
    edge: str
    exit_address: str
    target: str
    command: str
    ended_at: str
    seconds: float
    up: int
    down: int
    reason: str

    @classmethod
    def of(cls, row: StreamRow) -> StreamDocument:
        """As stored."""
        return cls(
            number=row.number,
            gateway=row.gateway,
            user=row.user,
            source=row.source,
            edge=row.edge,
            exit_address=row.exit_address,
            target=row.target,
            command=row.command,
            ended_at=rfc3339(row.ended_at),
            seconds=row.seconds,
            up=row.up,
            down=row.down,
            reason=row.reason,
        )


class LiveDocument(msgspec.Struct, frozen=True):
    """What each gateway that answered says; its documents are those of `zerogo.gateway.reports`."""

    gateways: dict[str, Any]


class KickDocument(msgspec.Struct, frozen=True):
    """At how many gateways streams were ended."""

    gateways: int
