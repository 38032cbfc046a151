# -*- test-case-name: zerogo.test.dataplane.test_checksum -*-
"""The Internet checksum (RFC 1071) over buffers.

The one's complement sum of 16-bit words is the number that the bytes spell, modulo 65535: one conversion and one
division in C, where a loop in Python would cost fifty times as much. A sum of 0 then stands for 65535, since no data
that is summed here (a pseudo-header is part of it) is all zero.
"""

from __future__ import annotations

from zerogo.dataplane.packet import CHECKSUM_OFFSET, UDP

MODULUS = 0xFFFF


def word_sum(data: bytes | bytearray | memoryview) -> int:
    """The one's complement sum of `data`, as its residue modulo 65535; an odd last byte is padded with zero."""
    total = int.from_bytes(data, "big")
    return (total << 8 if len(data) & 1 else total) % MODULUS


def complement(total: int) -> int:
    """The checksum of a sum that is not of nothing but zeros."""
    return MODULUS - (total % MODULUS or MODULUS)


def pseudo_sum(packet: bytearray | memoryview, network: int, protocol: int, length: int) -> int:
    """The sum of the pseudo-header of a TCP or UDP message of `length` bytes (RFC 9293, RFC 8200 section 8.1).

    It is never 0, which would say of a UDP message that it has no checksum.
    """
    first, last = (12, 20) if packet[network] >> 4 == 4 else (8, 40)
    total = int.from_bytes(packet[network + first : network + last], "big") + protocol + length
    return total % MODULUS or MODULUS


def write_pseudo_sum(packet: memoryview, network: int, transport: int, protocol: int, end: int) -> None:
    """Make the checksum field what the kernel expects of a partial sum: the pseudo-header's, not complemented."""
    field = transport + CHECKSUM_OFFSET[protocol]
    total = pseudo_sum(packet, network, protocol, end - transport)
    packet[field : field + 2] = total.to_bytes(2, "big")


def complete_partial(packet: memoryview, start: int, offset: int, end: int) -> None:
    """Complete a partial sum: its field, at `start + offset`, holds what is to be added to the bytes from `start`."""
    total = complement(word_sum(packet[start:end]))
    if total == 0 and offset == CHECKSUM_OFFSET[UDP]:
        total = MODULUS
    packet[start + offset : start + offset + 2] = total.to_bytes(2, "big")


def is_transport_sum_right(packet: memoryview, network: int, transport: int, protocol: int, end: int) -> bool:
    """Whether the TCP or UDP checksum of a packet that ends at `end` holds; no checksum at all (UDP) does not."""
    field = transport + CHECKSUM_OFFSET[protocol]
    if protocol == UDP and packet[field] == packet[field + 1] == 0:
        return False
    total = pseudo_sum(packet, network, protocol, end - transport) + word_sum(packet[transport:end])
    return total % MODULUS == 0


def write_ipv4_header_sum(packet: memoryview, network: int) -> None:
    """Compute an IPv4 header's own checksum."""
    packet[network + 10 : network + 12] = b"\0\0"
    header_bytes = (packet[network] & 0x0F) * 4
    packet[network + 10 : network + 12] = complement(word_sum(packet[network : network + header_bytes])).to_bytes(
        2, "big"
    )
