# -*- test-case-name: zerogo.test.dataplane.test_packet -*-
"""Where the headers of a frame are: offsets only, nothing is copied.

Only what can be cut, merged or summed is recognised: TCP and UDP directly over IPv4 (options allowed, fragments not)
or over IPv6 without extension headers, behind at most two VLAN tags.
"""

from __future__ import annotations

from zerogo.switch.frame import (
    ETHERNET_BYTES,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_SERVICE_VLAN,
    ETHERTYPE_VLAN,
    VLAN_TAG_BYTES,
    Buffer,
)

TCP = 6
UDP = 17
IPV4_BYTES = 20
IPV6_BYTES = 40
TCP_BYTES = 20
UDP_BYTES = 8
CHECKSUM_OFFSET = {TCP: 16, UDP: 6}
"""Where the checksum field is, from the beginning of the transport header."""

Transport = tuple[int, int, int]
"""Offset of the transport header, its protocol, and the end of all headers."""


def network_offset(frame: Buffer, start: int, end: int) -> int:
    """Where the IP header of the frame at `start` begins; 0 where it carries no IP."""
    offset = start + ETHERNET_BYTES
    for _ in range(3):
        if end < offset:
            return 0
        ethertype = frame[offset - 2] << 8 | frame[offset - 1]
        if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return offset
        if ethertype not in (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN):
            return 0
        offset += VLAN_TAG_BYTES
    return 0


def transport_of(packet: Buffer, network: int, end: int) -> Transport | None:
    """The transport header of the IP packet from `network` to `end`; None where it is none of those above."""
    if end < network + IPV4_BYTES:
        return None
    version = packet[network] >> 4
    if version == 4:
        if packet[network + 6] & 0x3F or packet[network + 7]:
            return None
        header_bytes = (packet[network] & 0x0F) * 4
        if header_bytes < IPV4_BYTES:
            return None
        transport, protocol = network + header_bytes, packet[network + 9]
    elif version == 6:
        transport, protocol = network + IPV6_BYTES, packet[network + 6]
    else:
        return None
    if protocol == UDP:
        headers_end = transport + UDP_BYTES
    elif protocol == TCP and end >= transport + TCP_BYTES:
        headers_end = transport + (packet[transport + 12] >> 4) * 4
        if headers_end < transport + TCP_BYTES:
            return None
    else:
        return None
    return (transport, protocol, headers_end) if headers_end <= end else None
