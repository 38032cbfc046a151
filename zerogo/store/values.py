"""Rows of the store as frozen values. Times are unix seconds."""

from __future__ import annotations

import enum

from attrs import field, frozen

from zerogo.ids import MacAddress, NetworkId, NodeId


class Approval(enum.StrEnum):
    """Whether a machine with a valid join token is a member at once."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class StoredState(enum.StrEnum):
    """Where a member stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class PskMode(enum.StrEnum):
    """Who knows the network's pre-shared key."""

    MANAGED = "managed"
    """The controller hands it to members."""
    END_TO_END = "end-to-end"
    """Join tokens carry it; the controller never sees it."""


class Role(enum.StrEnum):
    """What a user may do."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    USER = "user"


@frozen(kw_only=True)
class StoredNetwork:
    """A network."""

    network: NetworkId
    name: str
    ipv4_prefix: str | None
    ipv6_prefix: str | None
    mtu: int
    psk_mode: PskMode
    psk: bytes | None = field(repr=False)
    approval: Approval
    revision: int
    created_at: float
    members: int = 0
    pending: int = 0

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Those that it has."""
        return tuple(prefix for prefix in (self.ipv4_prefix, self.ipv6_prefix) if prefix is not None)


@frozen(kw_only=True)
class StoredMember:
    """A member."""

    network: NetworkId
    node_id: NodeId
    name: str
    state: StoredState
    static_public: bytes = field(repr=False)
    signing_public: bytes = field(repr=False)
    mac: MacAddress
    addresses: tuple[str, ...]
    capabilities: tuple[str, ...]
    is_bridge: bool
    version: str
    revision: int
    created_at: float
    last_seen_at: float


@frozen(kw_only=True)
class StoredJoinKey:
    """A join key; its secret is known only to who was shown it."""

    key_id: str
    network: NetworkId
    uses_total: int
    uses_left: int
    approval: Approval
    created_by: str
    created_at: float
    expires_at: float
    revoked_at: float | None


@frozen(kw_only=True)
class StoredUser:
    """A user of the API."""

    user_id: str
    name: str
    password_hash: str = field(repr=False)
    role: Role
    created_at: float
