# -*- test-case-name: zerogo.test.exit.test_account -*-
"""A user of the exits as controllers store it, send it to gateways, and as these keep it on disk.

All that a gateway needs to let a user in without asking anybody is in it, the argon2id hash of the password included.
What has been used of a traffic package is not: that is credit, which is leased (`zerogo.exit.credit`).
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

import msgspec

from zerogo.exit.grant import AccessRefused, Grant, Route, RouteMode
from zerogo.exit.reason import Reason
from zerogo.policy.addresses import parse_address

NAME_PATTERN = r"\A[A-Za-z0-9._@+]{1,64}\Z"
LIST_LIMIT = 64
RATE_LIMIT = 10**12

UserNameText = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
_Hash = Annotated[str, msgspec.Meta(max_length=500, pattern=r"\A(\$argon2id\$[\x21-\x7e]{20,400})?\Z")]
_Rate = Annotated[int, msgspec.Meta(ge=0, le=RATE_LIMIT)]
_Labels = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[a-z0-9._-]+\Z")]], msgspec.Meta(max_length=LIST_LIMIT)
]
_Ranges = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=LIST_LIMIT)]
_EdgeId = Annotated[str, msgspec.Meta(pattern=r"\A([a-z2-7]{16})?\Z")]


class Account(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A user. Rates are bytes per second of all streams at all gateways; zero is without limit."""

    name: UserNameText
    """Before the first hyphen of the user name that clients send."""
    password_hash: _Hash = ""
    """argon2id; empty: nobody comes in by password."""
    upload: _Rate = 0
    download: _Rate = 0
    streams: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1024
    """At a time, at all gateways."""
    is_early: bool = msgspec.field(default=False, name="early")
    may_listen: bool = msgspec.field(default=False, name="listen")
    may_datagrams: bool = msgspec.field(default=True, name="datagrams")
    sources: _Ranges = []
    """Where the user must come from; empty: anywhere."""
    zones: _Labels = []
    """Edges with one of these tags only; empty: all. Likewise the next three."""
    regions: _Labels = []
    countries: _Labels = []
    edges: _Labels = []
    mode: RouteMode = RouteMode.AUTO
    edge: _EdgeId = ""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 10
    expires_at: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 0.0
    """Unix time; zero: never."""
    is_paused: bool = msgspec.field(default=False, name="paused")
    has_package: bool = msgspec.field(default=False, name="package")
    """Whether bytes need credit."""

    def __repr__(self) -> str:
        return f"Account({self.name!r})"

    def grant(self) -> Grant:
        """What the user may do."""
        return Grant(
            user=self.name,
            upload=self.upload,
            download=self.download,
            streams=self.streams,
            is_early=self.is_early,
            may_listen=self.may_listen,
            may_datagrams=self.may_datagrams,
            zones=tuple(self.zones),
            regions=tuple(self.regions),
            countries=tuple(self.countries),
            edges=tuple(self.edges),
            route=Route(mode=self.mode, edge=self.edge, minutes=self.minutes),
        )

    def check_standing(self, unix_now: float) -> None:
        """Raise `AccessRefused` where the account is paused or its time is over."""
        if self.is_paused:
            raise AccessRefused("your account is paused", Reason.DENIED)
        if self.expires_at and unix_now >= self.expires_at:
            raise AccessRefused("the time of your account is over", Reason.QUOTA)

    def may_come_from(self, source: str) -> bool:
        """Whether that address is one of those that the user may come from."""
        if not self.sources:
            return True
        address = parse_address(source)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in ipaddress.ip_network(network) for network in self.sources)
