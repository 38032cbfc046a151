"""Rows of the store as frozen values. Times are unix seconds."""

from __future__ import annotations

import enum
import hashlib

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
    BLOCKED = "blocked"
    """A member that is cut off, and keeps its name and addresses until it is let in again."""


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

    @property
    def rank(self) -> int:
        """Each may do what those of a lower rank may."""
        return (Role.USER, Role.AUDITOR, Role.OPERATOR, Role.ADMIN, Role.OWNER).index(self)


class SessionKind(enum.StrEnum):
    """What a login opened."""

    BROWSER = "browser"
    REFRESH = "refresh"


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
    flow_log: bool = False
    """Whether members are asked what they decided by the policy."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Those that it has."""
        return tuple(prefix for prefix in (self.ipv4_prefix, self.ipv6_prefix) if prefix is not None)

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        return content_tag(self.name, self.mtu, self.approval.value, self.flow_log)


@frozen
class StoredSubnet:
    """A network behind a member."""

    subnet: str
    is_announced: bool
    is_approved: bool

    @property
    def is_reachable(self) -> bool:
        """Whether others are told of it."""
        return self.is_announced and self.is_approved


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
    subnets: tuple[StoredSubnet, ...] = ()
    tags: tuple[str, ...] = ()
    is_ephemeral: bool = False

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        return content_tag(self.name, self.state.value, self.is_bridge, self.tags, self.addresses)


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
    tags: tuple[str, ...] = ()
    """Of the members that join with it."""
    is_ephemeral: bool = False
    """Whether these are forgotten when they have been away for a while."""


@frozen(kw_only=True)
class StoredUser:
    """A user of the API."""

    user_id: str
    name: str
    password_hash: str = field(repr=False)
    role: Role
    created_at: float
    is_disabled: bool = False
    valid_after: float = 0.0
    """Access tokens issued before are not good any more."""

    @property
    def tag(self) -> str:
        """Another one where somebody changed what people can set."""
        return content_tag(self.name, self.role.value, self.is_disabled)


@frozen(kw_only=True)
class StoredSession:
    """What a login opened."""

    session_id: str
    user_id: str
    kind: SessionKind
    source: str
    """The host that logged in."""
    created_at: float
    used_at: float
    expires_at: float


@frozen(kw_only=True)
class StoredApiToken:
    """An API token; its secret is known only to who was shown it."""

    token_id: str
    user_id: str
    name: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: float
    expires_at: float
    used_at: float | None


@frozen(kw_only=True)
class AuditLine:
    """A line of the audit log."""

    number: int
    at: float
    actor: str
    action: str
    network: str
    subject: str
    detail: str
    hash: str


def content_tag(*content: object) -> str:
    """A short text that is another one for other content; made of values whose repr is their content."""
    return hashlib.blake2s(repr(content).encode(), digest_size=10).hexdigest()
