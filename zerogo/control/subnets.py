# -*- test-case-name: zerogo.test.control.test_subnets -*-
"""Networks behind a member: ranges of addresses that a machine announces, and that others reach through it.

`0.0.0.0/0` and `::/0` mean the whole internet: the member offers itself as an exit. What is reached through a member is
for the network's owner to decide, so the controller puts into the map only what a person approved.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from zerogo.errors import ParseError

SUBNETS_LIMIT = 32
"""Of one member."""
IPV4_EXIT = "0.0.0.0/0"
IPV6_EXIT = "::/0"
EXITS = (IPV4_EXIT, IPV6_EXIT)
TEXT_LIMIT = 49
"""Characters of a prefix, at most."""

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_BEHIND_ANYBODY: dict[int, tuple[Prefix, ...]] = {
    4: tuple(map(ipaddress.IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))),
    6: tuple(map(ipaddress.IPv6Network, ("::/96", "fe80::/10", "ff00::/8", "::ffff:0:0/96"))),
}
"""Ranges that mean something else to every host: this host, loopback, link-local, multicast and what is above."""


def parse_subnet(text: str) -> str:
    """A range in canonical text; raises `ParseError`."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise ParseError(
            f"{text[:TEXT_LIMIT]!r} is not a network such as 192.168.7.0/24, without bits behind its length"
        ) from error
    return _checked(found, text)


def _checked(found: Prefix, text: str) -> str:
    if str(found) in EXITS:
        return str(found)
    if "%" in text or any(found.overlaps(kept) for kept in _NOT_BEHIND_ANYBODY[found.version]):
        raise ParseError(f"{text[:TEXT_LIMIT]!r} cannot be behind a member: these addresses are each machine's own")
    return str(found)


def emit_subnet(text: str) -> bytes:
    """5 or 17 bytes: the address, then the length of the prefix."""
    found = ipaddress.ip_network(text)
    return found.network_address.packed + bytes([found.prefixlen])


def read_subnet(packed: bytes) -> str:
    """What `emit_subnet` wrote, in canonical text; raises `ParseError`."""
    if len(packed) not in (5, 17):
        raise ParseError(f"a network of {len(packed)} bytes")
    try:
        found = ipaddress.ip_network((packed[:-1], packed[-1]))
    except ValueError as error:
        raise ParseError("a network with bits set behind its length") from error
    return _checked(found, str(found))


def is_exit(subnet: str) -> bool:
    """Whether it is the whole internet."""
    return subnet in EXITS


def announced_subnets(texts: Iterable[str]) -> tuple[str, ...]:
    """What an agent announces, each once, in a fixed order; what is no network is left out, and so is what is beyond
    the limit."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[parse_subnet(text)] = None
        except ParseError:
            continue
    return tuple(sorted(found, key=order_of))[:SUBNETS_LIMIT]


def order_of(subnet: str) -> tuple[int, bytes, int]:
    """By family, address and length."""
    found = ipaddress.ip_network(subnet)
    return found.version, found.network_address.packed, found.prefixlen
