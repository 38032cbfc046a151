# -*- test-case-name: zerogo.test.dataplane.test_band -*-
"""The priority band of a frame, and the hash that keeps a flow to one way. Pure functions of the frame's bytes.

What the sender's programs ask for by DSCP counts (RFC 2474; classes of RFC 4594, RFC 8622); where they ask for nothing,
a small UDP packet is taken for speech, a game, or a question that somebody waits for the answer to. A super-frame is
judged as the whole that the kernel handed out.
"""

from __future__ import annotations

import zlib

from zerogo.dataplane.packet import TCP, UDP
from zerogo.wire.transport import Band

SMALL_UDP_BYTES = 300
"""An IP packet with UDP of up to so many bytes is real time where its DSCP does not say otherwise: speech of 20 ms in
G.711 with SRTP is 210."""
REALTIME_DSCP = frozenset((32, 34, 36, 38, 40, 44, 46, 48, 56))
"""CS4, AF41 to AF43, CS5, VOICE-ADMIT, EF, CS6, CS7."""
BULK_DSCP = frozenset((1, 8, 10, 12, 14))
"""LE, CS1, AF11 to AF13: small or not, it can wait."""

_REALTIME, _BULK = int(Band.REALTIME), int(Band.BULK)
_BY_CLASS = [
    _REALTIME if octet >> 2 in REALTIME_DSCP else _BULK if octet >> 2 in BULK_DSCP else -1 for octet in range(256)
]


def band_of(frame: memoryview | bytes, network: int, size: int) -> int:
    """The band of a frame of `size` bytes whose IP header begins at `network`, 0 where it carries no IP."""
    if not network or size < network + 20:
        return _BULK
    first = frame[network]
    if first >> 4 == 4:
        band = _BY_CLASS[frame[network + 1]]
        protocol = frame[network + 9]
    elif first >> 4 == 6:
        band = _BY_CLASS[(first & 0x0F) << 4 | frame[network + 1] >> 4]
        protocol = frame[network + 6]
    else:
        return _BULK
    if band >= 0:
        return band
    return _REALTIME if protocol == UDP and size - network <= SMALL_UDP_BYTES else _BULK


def flow_hash(frame: memoryview | bytes, network: int, size: int) -> int:
    """32 bits that are the same for all packets of a flow, of a frame whose IP header begins at `network`.

    CRC-32 over both addresses, the protocol and, of TCP and UDP, both ports; of pieces of an IP packet without the
    ports, which only the first has. Without IP, over both Ethernet addresses.
    """
    if not network or size < network + 20:
        return zlib.crc32(frame[:12])
    if frame[network] >> 4 == 4:
        protocol, ports = frame[network + 9], network + (frame[network] & 0x0F) * 4
        addresses = frame[network + 12 : network + 20]
        is_piece = bool(frame[network + 6] & 0x3F or frame[network + 7])
    else:
        protocol, ports = frame[network + 6], network + 40
        addresses = frame[network + 8 : network + 40]
        is_piece = False
    flow = zlib.crc32(bytes((protocol,)), zlib.crc32(addresses))
    if is_piece or protocol not in (TCP, UDP) or size < ports + 4:
        return flow
    return zlib.crc32(frame[ports : ports + 4], flow)
