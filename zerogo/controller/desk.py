# -*- test-case-name: zerogo.test.controller.test_api -*-
"""What a route of the API may use, and what it is called with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from zerogo.control.coordinator_events import Presence
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.passwords import Passwords
from zerogo.controller.tokens import OwnerToken, TokenIssuer
from zerogo.core import RandomBytes
from zerogo.ids import NetworkId, NodeId
from zerogo.store.threads import StoreAccess
from zerogo.store.values import Role


class Members(Protocol):
    """Who is told what was decided, and knows who is present."""

    def decided(self, network: NetworkId, node_id: NodeId) -> None: ...

    def network_changed(self, network: NetworkId) -> None: ...

    def network_deleted(self, network: NetworkId) -> None: ...

    def presence(self, network: NetworkId) -> dict[NodeId, Presence]: ...


@frozen(kw_only=True)
class Desk:
    """The controller, as the API sees it."""

    store: StoreAccess
    members: Members
    tokens: TokenIssuer
    owner_token: OwnerToken
    passwords: Passwords
    login_limits: LoginLimits
    bootstrap_path: Path
    """The file with the secret that makes the first user; gone once there is one."""
    key_hash: bytes
    """Pins this controller in join tokens."""
    own_addresses: Callable[[], tuple[str, ...]]
    """How agents may reach this controller, `host:port`, best first."""
    clock: IReactorTime
    unix_time: Callable[[], float]
    rng: RandomBytes


@frozen
class Caller:
    """Who calls."""

    user_id: str
    name: str
    role: Role


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

    @property
    def actor(self) -> str:
        """For the audit."""
        return "anyone" if self.caller is None else self.caller.name

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
    body: msgspec.Struct | None = None


Function = Callable[[Desk, Call], Awaitable[Answer]]


@frozen(kw_only=True)
class Route:
    """A line of the API's table."""

    method: str
    path: str
    """As Klein reads it, below /api/v1."""
    function: Function
    needs: Role | None
    """The least role that may call it; None: anyone."""
    body: type[msgspec.Struct] | None = None

    @property
    def endpoint(self) -> str:
        """A name of its own."""
        return f"{self.method} {self.path}"
