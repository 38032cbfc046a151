# -*- test-case-name: zerogo.test.lab.test_packet -*-
"""The little that the emulated internet must know of IP: destinations, fragments, and ICMP for what does not fit.

IPv4: RFC 791 (header, fragmentation), RFC 1191 (fragmentation needed). IPv6: RFC 8200, RFC 4443 (packet too big).
Everything takes and returns whole IP packets; what is malformed has no destination and is dropped.
"""

from __future__ import annotations

import struct

IPV4_HEADER_BYTES = 20
IPV6_HEADER_BYTES = 40
_MORE_FRAGMENTS = 0x2000
_ICMP = 1
_ICMPV6 = 58
_ICMP_QUOTE_BYTES = 548
"""RFC 1812 section 4.3.2.3: an error should not exceed 576 bytes."""
_ICMPV6_QUOTE_BYTES = 1232
"""RFC 4443: as much as fits into 1,280 bytes."""


def destination(packet: bytes) -> bytes | None:
    """The destination address, 4 or 16 bytes; None for what is no IP packet or not meant to leave a link."""
    if len(packet) >= IPV4_HEADER_BYTES and packet[0] >> 4 == 4:
        return packet[16:20] if packet[16] < 224 else None
    if len(packet) >= IPV6_HEADER_BYTES and packet[0] >> 4 == 6:
        return packet[24:40] if packet[24] != 0xFF and packet[24:26] != b"\xfe\x80" else None
    return None


def may_fragment(packet: bytes) -> bool:
    """Whether a router may cut the packet: IPv4 without DF."""
    return packet[0] >> 4 == 4 and not packet[6] & 0x40


def fragments(packet: bytes, mtu: int) -> list[bytes]:
    """Cut an IPv4 packet to pieces of at most `mtu` bytes (RFC 791; options are kept on every piece)."""
    header_bytes = (packet[0] & 0x0F) * 4
    header, payload = packet[:header_bytes], packet[header_bytes:]
    step = (mtu - header_bytes) // 8 * 8
    (flags,) = struct.unpack_from("!H", header, 6)
    pieces = []
    for start in range(0, len(payload), step):
        piece = payload[start : start + step]
        more = _MORE_FRAGMENTS if start + step < len(payload) else flags & _MORE_FRAGMENTS
        offset = (flags & 0x1FFF) + start // 8
        cut = header[:2] + struct.pack("!H", header_bytes + len(piece)) + header[4:6] + struct.pack("!H", more | offset)
        cut += header[8:10] + b"\0\0" + header[12:]
        pieces.append(cut[:10] + struct.pack("!H", checksum(cut)) + cut[12:] + piece)
    return pieces


def too_big(packet: bytes, mtu: int, router: bytes) -> bytes | None:
    """The ICMP error from `router` (4 or 16 bytes, of the packet's family) for a packet larger than `mtu`, or None.

    None where an error must not be sent: about an ICMP error, or a fragment that is not the first.
    """
    if packet[0] >> 4 == 4:
        return _fragmentation_needed(packet, mtu, router)
    if packet[6] == _ICMPV6 and len(packet) > IPV6_HEADER_BYTES and packet[IPV6_HEADER_BYTES] < 128:
        return None
    quote = packet[:_ICMPV6_QUOTE_BYTES]
    body = struct.pack("!BBHI", 2, 0, 0, mtu) + quote
    pseudo = router + packet[8:24] + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), _ICMPV6, 64) + router + packet[8:24] + body


def _fragmentation_needed(packet: bytes, mtu: int, router: bytes) -> bytes | None:
    header_bytes = (packet[0] & 0x0F) * 4
    (flags,) = struct.unpack_from("!H", packet, 6)
    is_icmp = packet[9] == _ICMP and len(packet) > header_bytes
    if flags & 0x1FFF or (is_icmp and packet[header_bytes] not in (0, 8, 13, 14)):
        return None
    body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + packet[:_ICMP_QUOTE_BYTES]
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    header = (
        struct.pack("!BBHHHBBH", 0x45, 0, IPV4_HEADER_BYTES + len(body), 0, 0, 64, _ICMP, 0) + router + packet[12:16]
    )
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def checksum(octets: bytes) -> int:
    """The internet checksum (RFC 1071) of `octets`, whose checksum field is zero."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
