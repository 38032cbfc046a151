# -*- test-case-name: zerogo.test.ice.test_candidate -*-
"""Candidates: addresses at which an agent may be reached, ranked (RFC 8445 section 5.1) and as text (RFC 8839 5.1).

    candidate:<foundation> <component> <transport> <priority> <address> <port> typ <kind> [raddr <address> rport <port>]

Extensions after these are ignored, but for that of TCP (RFC 6544): ` tcptype passive`, an address where the agent takes
connections. Such candidates are not for checks; no other type of TCP is known here. Text comes from peers:
`Candidate.parse` raises `ParseError` and nothing else.
"""

from __future__ import annotations

import enum
import hashlib
import ipaddress
import re

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress

TEXT_LIMIT = 512
COMPONENT_LIMIT = 256
PRIORITY_LIMIT = 2**31 - 1
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_PREFIX = "candidate:"
_FIXED_FIELDS = 8

_LOCAL_IPV6 = 60_000
_LOCAL_IPV4 = 50_000
"""Local preferences: real interfaces before virtual ones, IPv6 before IPv4 within them."""


class CandidateKind(enum.StrEnum):
    """How an address was learned."""

    HOST = "host"
    """Of one of the machine's own interfaces."""
    MAPPED = "mapped"
    """A gateway maps it to us for everybody, by PCP, NAT-PMP or UPnP; in no RFC, where it would be `srflx`."""
    SRFLX = "srflx"
    """A STUN server saw it as the source of our datagrams."""
    PRFLX = "prflx"
    """The peer saw it so."""
    RELAY = "relay"
    """A relay forwards what arrives at it."""


TYPE_PREFERENCE = {
    CandidateKind.HOST: 126,
    CandidateKind.PRFLX: 110,
    CandidateKind.MAPPED: 105,
    CandidateKind.SRFLX: 100,
    CandidateKind.RELAY: 0,
}
"""RFC 8445 section 5.1.2.2; a mapping is better than what a server saw, since everybody may use it."""
UDP, TCP = "udp", "tcp"
_TCP_TYPE = "tcptype passive"
_TCP_TYPE_PREFERENCE = 90
_PASSIVE = {CandidateKind.HOST: 4, CandidateKind.MAPPED: 2}
"""Direction preference (RFC 6544 section 4.2), the top 3 bits of the local preference."""
_DIRECTION_SHIFT = 13


def local_preference(is_ipv6: bool, position: int = 0) -> int:
    """Rank of an interface's address among those of a kind; `position` counts them from 0 up, the best first.

    Which is best, whoever lists the addresses decides: virtual interfaces come last there, or not at all.
    """
    return (_LOCAL_IPV6 if is_ipv6 else _LOCAL_IPV4) - min(position, 1000)


def candidate_priority(kind: CandidateKind, preference: int, component: int = 1) -> int:
    """Priority of a candidate (RFC 8445 section 5.1.2.1); `preference` is the local preference, 0 to 65535."""
    return TYPE_PREFERENCE[kind] << 24 | preference << 8 | COMPONENT_LIMIT - component


@frozen
class Candidate:
    """One address of an agent. `related` is what it was derived from, where that is told."""

    kind: CandidateKind
    address: SocketAddress
    related: SocketAddress | None
    priority: int
    foundation: str
    component: int = 1
    transport: str = UDP

    @classmethod
    def host(cls, address: SocketAddress, position: int = 0) -> Candidate:
        """An address of an interface of this machine."""
        preference = local_preference(address.is_ipv6, position)
        return cls(
            kind=CandidateKind.HOST,
            address=address,
            related=None,
            priority=candidate_priority(CandidateKind.HOST, preference),
            foundation=_foundation(CandidateKind.HOST, address, None),
        )

    @classmethod
    def server_reflexive(cls, mapped: SocketAddress, base: SocketAddress, server: SocketAddress) -> Candidate:
        """What `server` saw as the source of datagrams that left from `base`."""
        preference = local_preference(mapped.is_ipv6)
        return cls(
            kind=CandidateKind.SRFLX,
            address=mapped,
            related=base,
            priority=candidate_priority(CandidateKind.SRFLX, preference),
            foundation=_foundation(CandidateKind.SRFLX, base, server),
        )

    @classmethod
    def port_mapped(cls, outer: SocketAddress, base: SocketAddress) -> Candidate:
        """What the gateway maps to our data socket at `base`."""
        return cls(
            kind=CandidateKind.MAPPED,
            address=outer,
            related=base,
            priority=candidate_priority(CandidateKind.MAPPED, local_preference(outer.is_ipv6)),
            foundation=_foundation(CandidateKind.MAPPED, base, None),
        )

    @classmethod
    def passive(cls, address: SocketAddress, kind: CandidateKind, position: int = 0) -> Candidate:
        """Where this machine takes TCP connections: an address of its own, or one that leads to it (`MAPPED`)."""
        preference = _PASSIVE[kind] << _DIRECTION_SHIFT | max(0, (1 << _DIRECTION_SHIFT) - 1 - position)
        return cls(
            kind=kind,
            address=address,
            related=None,
            priority=_TCP_TYPE_PREFERENCE << 24 | preference << 8 | COMPONENT_LIMIT - 1,
            foundation=_foundation(kind, address, None, TCP),
            transport=TCP,
        )

    @classmethod
    def peer_reflexive(cls, source: SocketAddress, priority: int) -> Candidate:
        """Where an authentic check of the peer came from, an address that it had not told."""
        return cls(
            kind=CandidateKind.PRFLX,
            address=source,
            related=None,
            priority=min(max(priority, 1), PRIORITY_LIMIT),
            foundation=_foundation(CandidateKind.PRFLX, source, None),
        )

    @classmethod
    def parse(cls, text: str) -> Candidate:
        """Read the text form, with or without `candidate:`; raises `ParseError`."""
        if len(text) > TEXT_LIMIT:
            raise ParseError(f"a candidate of {len(text)} characters")
        words = text.removeprefix(_PREFIX).split(" ")
        if len(words) < _FIXED_FIELDS or words[6] != "typ":
            raise ParseError(f"{text[:80]!r} is not a candidate")
        if not _FOUNDATION.fullmatch(words[0]):
            raise ParseError(f"{words[0][:40]!r} is not a foundation")
        transport = _parse_transport(words[2])
        if transport == TCP and f" {_TCP_TYPE} " not in f"{text} ":
            raise ParseError(f"{text[:80]!r} is no passive candidate of TCP")
        return cls(
            kind=_parse_kind(words[7]),
            address=SocketAddress.of(words[4], _parse_number(words[5], 0, 65535, "port")),
            related=_parse_related(words[_FIXED_FIELDS:]),
            priority=_parse_number(words[3], 1, PRIORITY_LIMIT, "priority"),
            foundation=words[0],
            component=_parse_number(words[1], 1, COMPONENT_LIMIT, "component"),
            transport=transport,
        )

    def to_text(self) -> str:
        """The text form."""
        text = (
            f"{_PREFIX}{self.foundation} {self.component} {self.transport} {self.priority} "
            f"{self.address.host} {self.address.port} typ {self.kind.value}"
        )
        if self.related is not None:
            text += f" raddr {self.related.host} rport {self.related.port}"
        return f"{text} {_TCP_TYPE}" if self.transport == TCP else text


def is_reachable_form(address: SocketAddress, allow_loopback: bool = False) -> bool:
    """Whether an address is one that a single peer may be at; a check to any other would be a favour to a liar."""
    if address.port == 0:
        return False
    ip = ipaddress.ip_address(address.host)
    if ip.is_unspecified or ip.is_multicast or address.host == "255.255.255.255":
        return False
    if ip.is_loopback:
        return allow_loopback
    # Without a zone id there is no telling which link an IPv6 link-local address is on.
    return not (address.is_ipv6 and ip.is_link_local)


def _foundation(kind: CandidateKind, base: SocketAddress, server: SocketAddress | None, transport: str = UDP) -> str:
    """Equal for candidates of one kind, transport, base address and server (RFC 8445 section 5.1.1.3)."""
    text = f"{kind.value} {transport} {base.host} {server.host if server is not None else ''}"
    return hashlib.blake2s(text.encode("ascii"), digest_size=4).hexdigest()


def _parse_number(text: str, low: int, high: int, what: str) -> int:
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise ParseError(f"{text[:20]!r} is not a {what}")
    return int(text)


def _parse_transport(text: str) -> str:
    transport = text.lower()
    if transport not in (UDP, TCP):
        raise ParseError(f"{text[:20]!r} is not a transport that is known here")
    return transport


def _parse_kind(text: str) -> CandidateKind:
    try:
        return CandidateKind(text)
    except ValueError as error:
        raise ParseError(f"{text[:20]!r} is not a kind of candidate") from error


def _parse_related(words: list[str]) -> SocketAddress | None:
    if len(words) < 4 or words[0] != "raddr" or words[2] != "rport":
        return None
    return SocketAddress.of(words[1], _parse_number(words[3], 0, 65535, "port"))
