# -*- test-case-name: zerogo.test.policy.test_addresses -*-
"""Where an IP address really leads, and whether that is a place that strangers may have traffic sent to.

Whoever sends for others (a TURN relay, an exit) can be used against its own network: `127.0.0.1` is its own machine,
`169.254.169.254` its cloud's secrets. Lists that name those are passed by with another spelling of the same place:
CVE-2020-26262 took `0.0.0.0` and `::1`, CVE-2026-27624 `::ffff:127.0.0.1`. So there is one function, `canonical`, that
unwraps every form in which an IPv6 address carries an IPv4 one, and everything is decided on its result:

    mapped        ::ffff:a.b.c.d           RFC 4291        compatible  ::a.b.c.d                   RFC 4291
    translated    ::ffff:0:a.b.c.d         RFC 7915        ISATAP      ....:0:5efe:a.b.c.d         RFC 5214
    NAT64         64:ff9b::a.b.c.d         RFC 6052        6to4        2002:abcd::                 RFC 3056
    local NAT64   64:ff9b:1::/48           RFC 8215        Teredo      2001:0:...:~(a.b.c.d)       RFC 4380

`SPECIAL` is IANA's two registries of special-purpose addresses (RFC 6890 and its updates), with multicast and what is
reserved; of IPv6, everything outside 2000::/3 is special but the well-known NAT64 prefix, which leads to a public IPv4
address when what it carries is one. Tunnel forms (6to4, Teredo, ISATAP, translated) are refused whatever they carry:
nothing needs them, and where they end up depends on routes that are not ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from attrs import field, frozen

from zerogo.errors import LocalError, ParseError

Address = IPv4Address | IPv6Address
REMEMBERED = 4096
"""Answers that each question keeps: reading an address costs more than any other step of a stream."""
Network = IPv4Network | IPv6Network

_V4 = ipaddress.IPv4Network
_V6 = ipaddress.IPv6Network
_NAT64 = _V6("64:ff9b::/96")
_NAT64_LOCAL = _V6("64:ff9b:1::/48")
_GLOBAL_UNICAST = _V6("2000::/3")
_LOW_32 = 0xFFFFFFFF

NEVER: tuple[tuple[Network, str], ...] = (
    (_V4("0.0.0.0/8"), "this host on this network"),
    (_V4("224.0.0.0/4"), "multicast"),
    (_V4("240.0.0.0/4"), "reserved or broadcast"),
    (_V6("::/128"), "unspecified"),
    (_V6("ff00::/8"), "multicast"),
)
"""Ranges that no rule opens: no single machine answers there."""

SPECIAL: tuple[tuple[Network, str], ...] = (
    *NEVER,
    (_V4("10.0.0.0/8"), "private use"),
    (_V4("100.64.0.0/10"), "shared address space of carriers"),
    (_V4("127.0.0.0/8"), "loopback"),
    (_V4("169.254.0.0/16"), "link-local"),
    (_V4("172.16.0.0/12"), "private use"),
    (_V4("192.0.0.0/24"), "IETF protocol assignments"),
    (_V4("192.0.2.0/24"), "documentation"),
    (_V4("192.31.196.0/24"), "AS112"),
    (_V4("192.52.193.0/24"), "AMT"),
    (_V4("192.88.99.0/24"), "6to4 relay anycast"),
    (_V4("192.168.0.0/16"), "private use"),
    (_V4("192.175.48.0/24"), "AS112"),
    (_V4("198.18.0.0/15"), "benchmarking"),
    (_V4("198.51.100.0/24"), "documentation"),
    (_V4("203.0.113.0/24"), "documentation"),
    (_V6("::1/128"), "loopback"),
    (_V6("2001::/23"), "IETF protocol assignments, Teredo"),
    (_V6("2001:db8::/32"), "documentation"),
    (_V6("2002::/16"), "6to4"),
    (_V6("2620:4f:8000::/48"), "AS112"),
    (_V6("3fff::/20"), "documentation"),
)


def canonical(address: Address) -> Address:
    """The address that packets to `address` end up at, as far as the address itself tells."""
    if isinstance(address, IPv4Address):
        return address
    carried = _carried_ipv4(address)
    return address if carried is None else carried


@lru_cache(REMEMBERED)
def special_range(address: Address) -> str | None:
    """What kind of special-purpose range `address` leads into, in words; None where it is on the public internet."""
    place = canonical(address)
    for network, what in SPECIAL:
        if place in network:
            return what
    if isinstance(address, IPv6Address) and not _is_plain(address):
        return "a tunnel or translation that is not ours"
    return None


@lru_cache(REMEMBERED)
def parse_address(host: str) -> Address:
    """An IP address in text; raises `ParseError`, also for one with a zone id, which means a link of one machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ParseError(f"{host[:60]!r} is not an IP address") from error
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ParseError(f"{host[:60]!r} has a zone id")
    return address


def _refuse_never(rule: object, attribute: object, ranges: Sequence[Network]) -> None:
    for allowed in ranges:
        for network, what in NEVER:
            if allowed.version == network.version and allowed.subnet_of(network):  # type: ignore[arg-type]
                raise LocalError(f"{allowed} cannot be opened: it is {what}")


@frozen
class AddressRule:
    """Which addresses may be sent to: by default none.

    `allowed` opens ranges. A wide range does not open the special-purpose ranges within it: `0.0.0.0/0` is the public
    internet, and whoever wants `10.0.0.0/8` says so. An allowed range is held against the address as it would be sent
    to, so opening an IPv4 range opens none of its disguises but the mapped form, which is the same place.
    """

    allowed: tuple[Network, ...] = field(default=(), validator=_refuse_never)

    def refusal(self, address: Address) -> str | None:
        """Why `address` may not be sent to, in words; None where it may."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        what = special_range(address)
        if not _is_never(canonical(address)):
            for network in self.allowed:
                if address in network and (what is None or _is_special(network)):
                    return None
        return what or "not among the allowed ranges"


PUBLIC_INTERNET = AddressRule((_V4("0.0.0.0/0"), _V6("::/0")))
"""Everything but the special-purpose ranges."""


def _is_never(address: Address) -> bool:
    return any(address in network for network, _ in NEVER)


@lru_cache(REMEMBERED)
def _is_special(network: Network) -> bool:
    """Whether a range lies within special-purpose ranges, so that naming it can only mean to open it."""
    if isinstance(network, IPv6Network):
        if not network.overlaps(_GLOBAL_UNICAST) and not network.overlaps(_NAT64):
            return True
        return any(network.subnet_of(each) for each, _ in SPECIAL if isinstance(each, IPv6Network))
    return any(network.subnet_of(each) for each, _ in SPECIAL if isinstance(each, IPv4Network))


def _is_plain(address: IPv6Address) -> bool:
    """Whether an IPv6 address is global unicast of its own, or a mapped or NAT64 form of an IPv4 one."""
    if address.ipv4_mapped is not None or address in _NAT64:
        return True
    return address in _GLOBAL_UNICAST and _carried_ipv4(address) is None


def _carried_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one."""
    number = int(address)
    low = IPv4Address(number & _LOW_32)
    high = number >> 32
    if high in (0xFFFF, 0xFFFF << 16, 0) and number > 1:
        return low
    if address in _NAT64:
        return low
    if address in _NAT64_LOCAL:
        return _rfc6052_48(number)
    if number >> 112 == 0x2002:
        return IPv4Address(number >> 80 & _LOW_32)
    if number >> 96 == 0x20010000:
        return IPv4Address(~number & _LOW_32)
    if number >> 32 & 0xFDFFFFFF == 0x00005EFE:
        return low
    return None


def _rfc6052_48(number: int) -> IPv4Address:
    """The IPv4 address behind a /48 prefix: 16 bits, the zero octet of bits 64 to 71, 16 bits (RFC 6052 2.2)."""
    return IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
