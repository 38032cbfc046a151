# -*- test-case-name: zerogo.test.controller.test_api -*-
"""What a route of the API may use, and what it is called with."""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from zerogo.control.coordinator_events import Presence
from zerogo.control.relays import RelayPlace
from zerogo.controller.areas import Areas
from zerogo.controller.browsers import Browsers
from zerogo.controller.caller import Caller
from zerogo.controller.event_log import EventLog
from zerogo.controller.exits import Exits
from zerogo.controller.idempotency import Idempotency
from zerogo.controller.link_book import LinkBook
from zerogo.controller.link_rings import LinkRings
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.network_course import NetworkCourses
from zerogo.controller.oidc_attempt import Attempts
from zerogo.controller.oidc_provider import Provider
from zerogo.controller.passwords import Passwords
from zerogo.controller.proxies import Proxies
from zerogo.controller.rate_limits import RateLimits
from zerogo.controller.tickets import Tickets
from zerogo.controller.tokens import OwnerToken, TokenIssuer
from zerogo.controller.touches import Touches
from zerogo.controller.webhook_sender import WebhookSender
from zerogo.core import RandomBytes
from zerogo.ids import NetworkId, NodeId
from zerogo.store.paging import Key, Paging
from zerogo.store.threads import StoreAccess
from zerogo.store.users import Actor
from zerogo.store.values import Role


class Members(Protocol):
    """Who is told what was decided, and knows who is present."""

    def decided(self, network: NetworkId, node_id: NodeId) -> None: ...

    def network_changed(self, network: NetworkId) -> None: ...

    def network_deleted(self, network: NetworkId) -> None: ...

    def test_relay(self, network: NetworkId, pair: tuple[NodeId, NodeId], seconds: float) -> None: ...

    def presence(self, network: NetworkId, of: Iterable[NodeId] | None = None) -> dict[NodeId, Presence]: ...


@frozen
class LinkDesk:
    """What is known of links, and what happened."""

    book: LinkBook
    rings: LinkRings
    events: EventLog
    courses: NetworkCourses = field(factory=NetworkCourses)


@frozen
class OidcDesk:
    """Where else people have accounts, and who is on the way there."""

    provider: Provider
    attempts: Attempts


@frozen(kw_only=True)
class Desk:
    """The controller, as the API sees it."""

    store: StoreAccess
    members: Members
    exits: Exits
    tokens: TokenIssuer
    owner_token: OwnerToken
    passwords: Passwords
    login_limits: LoginLimits
    rate_limits: RateLimits
    idempotency: Idempotency
    tickets: Tickets
    links: LinkDesk
    areas: Areas
    webhooks: WebhookSender
    browsers: Browsers
    proxies: Proxies = field(factory=Proxies)
    oidc: OidcDesk | None
    """None: people log in by name and password only."""
    bootstrap_path: Path
    """The file with the secret that makes the first user; gone once there is one."""
    key_hash: bytes
    """Pins this controller in join tokens."""
    own_addresses: Callable[[], tuple[str, ...]]
    """How agents may reach this controller, `host:port`, best first."""
    onion_key: bytes | None
    """What agents need to find it where one of these is an onion service."""
    relays: tuple[RelayPlace, ...]
    """That members are told of."""
    touches: Touches = field(factory=Touches)
    clock: IReactorTime
    unix_time: Callable[[], float]
    rng: RandomBytes


@frozen(kw_only=True)
class Call:
    """A request, checked: the caller may do it and the body has its form."""

    caller: Caller | None
    """None only on routes for anyone."""
    path: Mapping[str, str]
    """The variable parts of the path."""
    body: object = None
    source: str = field(default="")
    """The host it came from."""
    cookie_name: str = ""
    """Under which a browser keeps its session."""
    sealed_attempt: str = field(default="", repr=False)
    """The login that a browser is in the middle of."""
    paging: Paging = field(factory=Paging)
    query: Mapping[str, float] = field(factory=dict)
    """The numbers in the query that the route takes."""
    words: Mapping[str, str] = field(factory=dict)
    """The texts in the query that the route takes."""
    expected: str | None = None
    """The tag that If-Match names."""

    @property
    def actor(self) -> str:
        """For the audit."""
        return "anyone" if self.caller is None else self.caller.actor

    @property
    def user(self) -> Actor:
        """For changes of users."""
        assert self.caller is not None
        return Actor(self.caller.user_id, self.caller.actor)

    @property
    def network(self) -> NetworkId:
        """The network in the path; raises `ParseError`."""
        return NetworkId.parse(self.path["network"])

    @property
    def node_id(self) -> NodeId:
        """The member in the path; raises `ParseError`."""
        return NodeId.parse(self.path["node"])


@frozen
class Answer:
    """What a route answers."""

    status: int
    body: msgspec.Struct | msgspec.Raw | None = None
    tag: str | None = None
    """Changes with what people can set of the thing; If-Match of a change names it."""
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """Set-Cookie headers."""
    location: str | None = None
    """Where the browser is sent."""


QUERY_LIMIT = 2**40
"""Largest number in a query."""
WORD_LIMIT = 255
"""Longest text in a query, characters."""
LONG_WORD_LIMIT = 2048
"""The same for a text that others made. The line with the whole path has at most 16 KiB."""
Function = Callable[[Desk, Call], Awaitable[Answer]]


class IfMatch(enum.Enum):
    """Whether a change says what it is based on."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@frozen(kw_only=True)
class Route:
    """A line of the API's table: what is dispatched, checked and documented."""

    method: str
    path: str
    """As Klein reads it, below /api/v1."""
    function: Function
    needs: Role | None
    """The least role that may call it; None: anyone."""
    but_not: frozenset[Role] = frozenset()
    """Higher roles that may not: who operates does not read what is written about it."""
    area: str = ""
    """Of the scopes that an API token needs, `AREA:read` or `AREA:write`; empty: any token may."""
    body: type[msgspec.Struct] | None = None
    answer: Any = None
    """The document of the answer's body; None: no body."""
    status: int = 200
    """Of a success."""
    cursor: type[tuple[Key, ...]] | None = None
    """It is a list, and its cursors have this form."""
    query: tuple[str, ...] = ()
    """Names of numbers that may stand in the query."""
    words: tuple[str, ...] = ()
    """The same for texts, of at most `WORD_LIMIT` characters."""
    long_words: tuple[str, ...] = ()
    """The same for texts of at most `LONG_WORD_LIMIT` printable ASCII characters without spaces."""
    if_match: IfMatch = IfMatch.NONE
    is_creation: bool = False
    """An Idempotency-Key is heeded."""
    problems: tuple[str, ...] = ()
    """Codes beyond those that follow from the other columns."""

    @property
    def endpoint(self) -> str:
        """A name of its own."""
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str:
        """What an API token needs; empty: nothing."""
        return self.area and f"{self.area}:{'read' if self.method == 'GET' else 'write'}"

    @property
    def variables(self) -> list[str]:
        """Names of the path's variable parts."""
        return re.findall(r"<string:(\w+)>", self.path)

    @property
    def is_change(self) -> bool:
        """Whether something may be other than before. What an auditor may do changes nothing."""
        return self.method != "GET" and self.needs is not None and self.needs is not Role.AUDITOR

    def allows(self, role: Role) -> bool:
        """Whether a caller with this role may."""
        return self.needs is None or (role.rank >= self.needs.rank and role not in self.but_not)
