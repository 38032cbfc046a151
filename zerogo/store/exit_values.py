"""Rows about the exits as frozen values. Times are unix seconds, counts are payload bytes."""

from __future__ import annotations

import enum

from attrs import field, frozen

from zerogo.exit.account import Account
from zerogo.ids import NodeId
from zerogo.store.values import content_tag


class KeyKind(enum.StrEnum):
    """What may join with a key."""

    GATEWAY = "gateway"
    EDGE = "edge"


class StatsKind(enum.StrEnum):
    """What is counted."""

    USER = "user"
    EDGE = "edge"
    COUNTRY = "country"


class Period(enum.StrEnum):
    """How finely."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def seconds(self) -> int:
        """Its length."""
        return {"minute": 60, "hour": 3600, "day": 86_400}[self.value]

    @property
    def kept_seconds(self) -> float:
        """How long counts of this kind are kept."""
        return {"minute": 2 * 86_400.0, "hour": 90 * 86_400.0, "day": 3 * 366 * 86_400.0}[self.value]


@frozen(kw_only=True)
class StreamFilter:
    """Which streams are wanted; None: whatever it is."""

    user: str | None = None
    exit_address: str | None = None
    at: float | None = None
    """Unix time at which it was open."""


@frozen(kw_only=True)
class StoredDenial:
    """A range of addresses that is kept out."""

    denial_id: str
    range: str
    reason: str
    created_by: str
    created_at: float
    ends_at: float
    """0: never."""


@frozen(kw_only=True)
class StoredPackage:
    """So many bytes in each window; a window of 0 seconds never ends."""

    name: str
    size: int
    seconds: float

    @property
    def tag(self) -> str:
        """Another one where somebody changed it."""
        return content_tag(self.name, self.size, self.seconds)


@frozen(kw_only=True)
class StoredExitUser:
    """A user of the exits."""

    account: Account
    package: StoredPackage | None
    window_at: float
    """When the package's window began."""
    used: int
    """In that window."""
    leased: int
    """By gateways, and not told as used."""
    total_up: int
    total_down: int
    created_at: float

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        account = self.account
        names = account.__struct_fields__
        return content_tag(*(getattr(account, name) for name in names), self.package and self.package.name)

    def left(self, unix_now: float) -> int | None:
        """Bytes that are left in the window, those that are leased among them; None: without limit."""
        if self.package is None:
            return None
        is_new = self.package.seconds and unix_now >= self.window_at + self.package.seconds
        return self.package.size - (0 if is_new else self.used)

    @property
    def window_ends_at(self) -> float | None:
        """When the package is whole again; None: never, or there is none."""
        if self.package is None or not self.package.seconds:
            return None
        return self.window_at + self.package.seconds


@frozen(kw_only=True)
class StoredGateway:
    """A gateway of this controller."""

    gateway: NodeId
    name: str
    static_public: bytes = field(repr=False)
    signing_public: bytes = field(repr=False)
    addresses: tuple[str, ...]
    is_tls: bool
    region: str
    edges_limit: int
    is_draining: bool
    created_at: float
    last_seen_at: float

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        return content_tag(self.name, self.is_draining)


@frozen(kw_only=True)
class StoredEdge:
    """An edge that was here at least once."""

    edge: str
    name: str
    country: str
    region: str
    city: str
    asn: int
    address: str
    version: str
    is_denied: bool
    consent_at: float
    created_at: float
    last_seen_at: float
    discrepancy: int

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        return content_tag(self.edge, self.is_denied)


@frozen(kw_only=True)
class StoredExitKey:
    """A key to join with; its secret is known only to who was shown it."""

    key_id: str
    kind: KeyKind
    created_by: str
    created_at: float
    expires_at: float


@frozen(kw_only=True)
class StatsRow:
    """What passed in one minute, hour or day."""

    subject: str
    began_at: float
    up: int
    down: int
    streams: int


@frozen(kw_only=True)
class StreamRow:
    """One stream that is over."""

    number: int
    gateway: str
    user: str
    source: str
    edge: str
    exit_address: str
    target: str
    command: str
    ended_at: float
    seconds: float
    up: int
    down: int
    reason: str
