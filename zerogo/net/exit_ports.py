# -*- test-case-name: integration.test_exits -*-
"""What a gateway needs of others: who its users are, who its edges are, who counts. Each is one small protocol."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from zerogo.errors import RemoteError
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.frames import Command
from zerogo.exit.grant import Grant
from zerogo.exit.greeting import Join
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.secret import Secret


class EdgeRefused(RemoteError):
    """The edge is not taken. Where `is_final`, trying again cannot help."""

    code = "E-EXIT-EDGE"

    def __init__(self, sentence: str, *, is_final: bool = False, retry_seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.is_final = is_final
        self.retry_seconds = retry_seconds


class Accounts(Protocol):
    """Users."""

    def may_skip_password(self, source: str) -> bool:
        """Whether a client from this address may come without a password; `authenticate` then names its user."""

    def may_come_from(self, user: str, source: str) -> bool:
        """Whether a user may come from that address."""

    def renewed(self, grant: Grant) -> Grant:
        """What a user who was let in may do by now; raises `AccessRefused`."""

    def authenticate(self, user: str, password: Secret | None, source: str) -> Deferred[Grant]:
        """Who it is and what they may do; fails with `AccessRefused`. `user` is the name before the first hyphen."""


class EdgeDirectory(Protocol):
    """Edges. Their key is proven before anybody is asked."""

    def admit(self, edge: str, join: Join, address: str) -> Deferred[EdgeProfile]:
        """What the edge is; fails with `EdgeRefused`. `edge` is its node id, `address` where the gateway sees it."""

    def arrived(self, profile: EdgeProfile) -> None:
        """Its tunnel is up."""

    def departed(self, edge: str, reason: str) -> None:
        """Its tunnel is gone for good."""


@frozen(kw_only=True)
class StreamRecord:
    """One stream of a user, for meters and the audit."""

    number: int
    """Of this gateway, never used again."""
    user: str
    source: str
    """The user's address."""
    edge: str
    exit_address: str
    command: Command
    target: Target
    began_at: float


class LiveStream(Protocol):
    """A stream that can be ended from outside."""

    record: StreamRecord

    def kill(self, reason: Reason) -> None:
        """End it at once, in both directions."""

    def hold(self, is_held: bool) -> None:
        """Pass nothing, either way, until it is called off; what is in hand passes."""


class StreamMeter(Protocol):
    """Counts one stream, payload bytes."""

    def sent(self, count: int) -> None:
        """From the user."""

    def received(self, count: int) -> None:
        """To the user."""

    def closed(self, reason: Reason | None) -> None:
        """It is over; None is the usual way."""


class Meter(Protocol):
    """Counts all streams. May `kill` or `hold` any at any time, from within `sent` and `received` too."""

    def check(self, user: str) -> None:
        """Raise `AccessRefused` where that user can have no streams."""

    def opened(self, stream: LiveStream) -> StreamMeter:
        """A stream is there."""
