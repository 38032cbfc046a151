# -*- test-case-name: zerogo.test.exit.test_target -*-
"""Where a stream is to go: a host and a port, well-formed, before anybody has looked the host up.

A host is an IP address in canonical text, or a name of ASCII labels (RFC 1035, RFC 1123, with `_`). Whoever wants
127.0.0.1 without saying so writes `127.1`, `0x7f.1`, `2130706433` or `0177.0.0.1`: resolvers take all of those for
addresses. As in the URL standard, a name whose last label is a number, decimal or hexadecimal, is no name; here it is
refused. The text of a name says nothing about where it leads: that is judged at the edge, on the address that the
edge connects to.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.policy.addresses import REMEMBERED, Address

HOST_LIMIT = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@frozen
class Target:
    """A host and a port; made by `of`."""

    host: str
    """A name in small letters without a dot at its end, or an address without brackets."""
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> Target:
        """Check and bring into canonical form; raises `ParseError`."""
        if not 0 <= port <= 65535:
            raise ParseError(f"{port} is not a port")
        return cls(canonical_host(host), port)

    @classmethod
    def parse(cls, text: str, default_port: int | None = None) -> Target:
        """Read `example.net:443` or `[2001:db8::1]:443`; raises `ParseError`."""
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or ":" not in host:
                raise ParseError(f"{text[:60]!r} is not a host and a port")
            colon, port = rest[:1], rest[1:]
        else:
            host, colon, port = text.partition(":")
            rest = colon + port
        if not rest and default_port is not None:
            return cls.of(host, default_port)
        if colon != ":" or not port.isascii() or not port.isdigit() or len(port) > 5:
            raise ParseError(f"{text[:60]!r} is not a host and a port")
        return cls.of(host, int(port))

    @property
    def address(self) -> Address | None:
        """The host, where it is an address."""
        return _address_of(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@lru_cache(REMEMBERED)
def _address_of(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@lru_cache(REMEMBERED)
def canonical_host(host: str) -> str:
    """The canonical form of a name or an address; raises `ParseError`."""
    if not host or len(host) > HOST_LIMIT + 1 or not host.isascii():
        raise ParseError(f"{host[:60]!r} is not a host: it must be 1 to {HOST_LIMIT} ASCII characters")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _canonical_name(host)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise ParseError(f"{host[:60]!r} has a zone id")
    return str(address)


def _canonical_name(host: str) -> str:
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > HOST_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        raise ParseError(f"{host[:60]!r} is not the name of a host")
    if _NUMBER.fullmatch(labels[-1]):
        raise ParseError(f"{host[:60]!r} is neither a name nor an address in its usual form")
    return name
