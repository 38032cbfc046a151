# -*- test-case-name: zerogo.test.switch.test_gate -*-
"""What a filter reads of a frame: docs/PROTOCOL.md, section 13.1.

A filter that takes bytes for ports which the receiving kernel takes for something else can be passed by. So extension
headers are walked as Linux walks them, a chain that cannot be followed to its end is malformed, and fragments that
could write over ports that were judged (RFC 1858) are too. Offsets only; what is copied are addresses.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from zerogo.switch.frame import (
    ETHERNET_BYTES,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_SERVICE_VLAN,
    ETHERTYPE_VLAN,
    VLAN_TAG_BYTES,
    Buffer,
)

TAGS_LIMIT = 2
EXTENSION_HEADERS_LIMIT = 8
ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset((_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION))
_PORTED = frozenset((TCP, UDP, SCTP))
_ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
_ERRORS = {ICMP: (3, 11, 12), ICMPV6: (1, 2, 3, 4)}
_DISCOVERY = range(133, 138)
_QUOTE_OFFSET = 8


class Reading(enum.Enum):
    """What a frame is that is not a packet to judge."""

    PASSES = "ARP, neighbour discovery, or a later fragment"
    NOT_IP = "another Ethernet type"
    MALFORMED = "headers that do not parse"


class Packet(NamedTuple):
    """What rules and flows go by. Addresses are 4 or 16 bytes."""

    protocol: int
    source: bytes
    destination: bytes
    source_port: int = 0
    """0 where there are no ports; an echo has its identifier in both."""
    destination_port: int = 0
    is_of_flow: bool = True
    """Whether it opens a flow or belongs to one: all but ICMP that is no echo."""
    quoted: Packet | None = None
    """Of an ICMP error: what it is about, where that belongs to a flow."""

    @property
    def has_ports(self) -> bool:
        """Whether the protocol has ports that rules look at."""
        return self.protocol in _PORTED


def read_frame(frame: Buffer) -> Packet | Reading:
    """A whole Ethernet frame, or as much of it as holds its headers."""
    end = len(frame)
    offset = ETHERNET_BYTES
    for _ in range(TAGS_LIMIT + 1):
        if end < offset:
            return Reading.MALFORMED
        ethertype = frame[offset - 2] << 8 | frame[offset - 1]
        if ethertype == ETHERTYPE_IPV4:
            return _read_ipv4(frame, offset, True)
        if ethertype == ETHERTYPE_IPV6:
            return _read_ipv6(frame, offset, True)
        if ethertype == ETHERTYPE_ARP:
            return Reading.PASSES
        if ethertype not in (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN):
            break
        offset += VLAN_TAG_BYTES
    return Reading.NOT_IP


def _read_ipv4(frame: Buffer, at: int, reads_quotes: bool) -> Packet | Reading:
    if len(frame) < at + 20 or frame[at] >> 4 != 4:
        return Reading.MALFORMED
    transport = at + (frame[at] & 0x0F) * 4
    if transport < at + 20 or len(frame) < transport:
        return Reading.MALFORMED
    fragment = (frame[at + 6] << 8 | frame[at + 7]) & 0x1FFF
    if fragment:
        return Reading.MALFORMED if fragment == 1 else Reading.PASSES
    packet = Packet(frame[at + 9], bytes(frame[at + 12 : at + 16]), bytes(frame[at + 16 : at + 20]))
    return _read_transport(frame, transport, packet, ICMP, reads_quotes)


def _read_ipv6(frame: Buffer, at: int, reads_quotes: bool) -> Packet | Reading:
    if len(frame) < at + 40 or frame[at] >> 4 != 6:
        return Reading.MALFORMED
    located = _walk(frame, frame[at + 6], at + 40)
    if isinstance(located, Reading):
        return located
    protocol, transport = located
    packet = Packet(protocol, bytes(frame[at + 8 : at + 24]), bytes(frame[at + 24 : at + 40]))
    return _read_transport(frame, transport, packet, ICMPV6, reads_quotes)


def _walk(frame: Buffer, protocol: int, at: int) -> tuple[int, int] | Reading:
    """Follow a chain of extension headers; the protocol behind it, and where that begins."""
    seen: list[int] = []
    while protocol in _EXTENSIONS:
        if len(seen) == EXTENSION_HEADERS_LIMIT or len(frame) < at + 8:
            return Reading.MALFORMED
        size = (frame[at + 1] + 1) * 8
        if protocol == _FRAGMENT:
            size, fragment = 8, (frame[at + 2] << 8 | frame[at + 3]) >> 3
            if fragment == 1 or _FRAGMENT in seen:
                return Reading.MALFORMED
            if fragment:
                return Reading.PASSES
        elif protocol == _AUTHENTICATION:
            size = (frame[at + 1] + 2) * 4
        elif protocol == _ROUTING and frame[at + 3]:
            return Reading.MALFORMED
        if len(frame) < at + size:
            return Reading.MALFORMED
        seen.append(protocol)
        protocol, at = frame[at], at + size
    return protocol, at


def _read_transport(frame: Buffer, at: int, packet: Packet, icmp: int, reads_quotes: bool) -> Packet | Reading:
    protocol, source, destination = packet[:3]
    if protocol in _PORTED:
        if len(frame) < at + 4:
            return Reading.MALFORMED
        ports = (frame[at] << 8 | frame[at + 1], frame[at + 2] << 8 | frame[at + 3])
        return Packet(protocol, source, destination, *ports)
    if protocol != icmp:
        return packet
    if len(frame) <= at:
        return Reading.MALFORMED
    kind = frame[at]
    if kind in _ECHO[icmp]:
        if len(frame) < at + 6:
            return Reading.MALFORMED
        identifier = frame[at + 4] << 8 | frame[at + 5]
        return Packet(protocol, source, destination, identifier, identifier)
    if icmp == ICMPV6 and kind in _DISCOVERY:
        return Reading.PASSES
    quoted = _read_quote(frame, at + _QUOTE_OFFSET, icmp) if reads_quotes and kind in _ERRORS[icmp] else None
    return Packet(protocol, source, destination, 0, 0, False, quoted)


def _read_quote(frame: Buffer, at: int, icmp: int) -> Packet | None:
    """The packet that an error is about; None where it could be of no flow. Quotes within it are not looked at."""
    quoted = _read_ipv4(frame, at, False) if icmp == ICMP else _read_ipv6(frame, at, False)
    return quoted if isinstance(quoted, Packet) and quoted.is_of_flow else None
