# -*- test-case-name: zerogo.test.wire.test_datagram -*-
"""What a datagram on the data socket is, told by its first byte (docs/PROTOCOL.md, "One socket")."""

from __future__ import annotations

import enum

WIRE_VERSION = 1
STUN_MAGIC_COOKIE = b"\x21\x12\xa4\x42"
STUN_HEADER_BYTES = 20


class DatagramKind(enum.Enum):
    """The families that share the data socket."""

    STUN = "stun"
    CHANNEL_DATA = "channel data"
    INITIATION = "initiation"
    RESPONSE = "response"
    COOKIE_REPLY = "cookie reply"
    TRANSPORT = "transport"
    RELAYED_SIGNAL = "relayed signal"
    FORWARD = "forward"
    UNKNOWN = "unknown"


TYPE_INITIATION = 0x90
TYPE_RESPONSE = 0x91
TYPE_COOKIE_REPLY = 0x92
TYPE_TRANSPORT = 0x93
TYPE_RELAYED_SIGNAL = 0x94
TYPE_FORWARD = 0x98

_OURS = {
    TYPE_INITIATION: DatagramKind.INITIATION,
    TYPE_RESPONSE: DatagramKind.RESPONSE,
    TYPE_COOKIE_REPLY: DatagramKind.COOKIE_REPLY,
    TYPE_TRANSPORT: DatagramKind.TRANSPORT,
    TYPE_RELAYED_SIGNAL: DatagramKind.RELAYED_SIGNAL,
    TYPE_FORWARD: DatagramKind.FORWARD,
}


def classify(data: bytes) -> DatagramKind:
    """Tell the family of a datagram; never raises. STUN needs its magic cookie, so classic STUN is unknown."""
    if not data:
        return DatagramKind.UNKNOWN
    first = data[0]
    if first <= 0x03:
        is_stun = len(data) >= STUN_HEADER_BYTES and data[4:8] == STUN_MAGIC_COOKIE
        return DatagramKind.STUN if is_stun else DatagramKind.UNKNOWN
    if 0x40 <= first <= 0x4F:
        return DatagramKind.CHANNEL_DATA
    return _OURS.get(first, DatagramKind.UNKNOWN)
