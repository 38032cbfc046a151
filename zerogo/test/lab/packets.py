"""IP packets for tests, built independently of `zerogo.lab.packet`."""

from __future__ import annotations

import ipaddress
import struct


def ipv4(source: str, target: str, payload: bytes = b"", *, df: bool = True, protocol: int = 17) -> bytes:
    """An IPv4 packet with a right header checksum."""
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    flags = 0x4000 if df else 0
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, flags, 64, protocol, 0) + ends
    total = sum(int.from_bytes(header[i : i + 2], "big") for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:] + payload


def ipv6(source: str, target: str, payload: bytes = b"", *, next_header: int = 17) -> bytes:
    """An IPv6 packet."""
    ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + ends + payload


def sums_to_zero(octets: bytes) -> bool:
    """Whether a range with its checksum in place verifies (RFC 1071)."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF
