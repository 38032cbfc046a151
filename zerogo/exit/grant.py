# -*- test-case-name: zerogo.test.exit.test_sessions -*-
"""What a user may do, as the accounts say, and which route their streams take."""

from __future__ import annotations

import enum

from attrs import field, frozen

from zerogo.errors import RemoteError
from zerogo.exit.reason import Reason

STREAMS_PER_USER = 1024
UPLOAD_BYTES_PER_SECOND = 0
DOWNLOAD_BYTES_PER_SECOND = 0


class AccessRefused(RemoteError):
    """The user is not let in."""

    code = "E-EXIT-ACCESS"

    def __init__(self, sentence: str, reason: Reason = Reason.DENIED) -> None:
        super().__init__(sentence)
        self.reason = reason


class RouteMode(enum.StrEnum):
    """Where streams go that name no session."""

    AUTO = "auto"
    """The gateway's policy, anew for each stream."""
    MANUAL = "manual"
    """One edge, which was set for the user."""
    TIMED = "timed"
    """One edge for some minutes, then another."""
    CUSTOM = "custom"
    """An edge of the user's own, which no other user with this mode has."""
    POLLING = "polling"
    """All edges in turn."""


@frozen(kw_only=True)
class Route:
    """A user's route."""

    mode: RouteMode = RouteMode.AUTO
    edge: str = ""
    """Of `manual`."""
    minutes: int = 10
    """Of `timed`."""


@frozen(kw_only=True)
class Grant:
    """A user who was let in. Zero is without limit."""

    user: str
    upload: int = UPLOAD_BYTES_PER_SECOND
    """Bytes per second of all streams together."""
    download: int = DOWNLOAD_BYTES_PER_SECOND
    streams: int = STREAMS_PER_USER
    """At a time."""
    is_early: bool = False
    """Whether success is replied before the edge has it."""
    may_listen: bool = False
    may_datagrams: bool = True
    zones: tuple[str, ...] = field(default=())
    """Tags of edges that may be used; empty: all. Likewise the next three."""
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    route: Route = Route()
