# -*- test-case-name: zerogo.test.turn.test_message -*-
"""What a TURN client and its server send each other: STUN messages with TURN's methods, and ChannelData.

    ChannelData: channel number 16, from 0x4000 up | length 16 | data; on streams padded to a multiple of 4

RFC 8656 sections 12.4 and 18. The two are told apart by the first two bits: 00 is STUN, 01 ChannelData. Emitting a STUN
message is `zerogo.stun.message.emit`.
"""

from __future__ import annotations

import enum
import struct

from attrs import frozen

from zerogo.errors import LocalError, ParseError
from zerogo.stun import message as stun
from zerogo.turn.attributes import with_turn_attributes

CHANNEL_FIRST = 0x4000
CHANNEL_LAST = 0x4FFF
"""The numbers that a client chooses from (RFC 8656)."""
OLD_CHANNEL_LAST = 0x7FFF
"""Up to here clients choose that follow RFC 5766, coturn's among them; a server takes those too."""
CHANNEL_HEADER_BYTES = 4

_CHANNEL_HEADER = struct.Struct("!HH")


class TurnMethod(enum.IntEnum):
    """Methods that TURN adds to STUN."""

    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    REVOKE = 0xE5A
    """Ours: users are to be served no longer (`turn.revocation`)."""


@frozen
class ChannelData:
    """Data for, or from, the peer that the channel is bound to."""

    number: int
    data: bytes


def is_channel_data(data: bytes) -> bool:
    """Whether a datagram begins as ChannelData does."""
    return len(data) >= CHANNEL_HEADER_BYTES and data[0] >> 6 == 1


def is_channel_number(number: int) -> bool:
    """Whether a channel may have this number."""
    return CHANNEL_FIRST <= number <= OLD_CHANNEL_LAST


def parse_channel_data(data: bytes) -> ChannelData:
    """Read one datagram, or one frame of a stream; bytes after the length are padding. Raises `ParseError`."""
    if not is_channel_data(data):
        raise ParseError("not ChannelData")
    number, length = _CHANNEL_HEADER.unpack_from(data)
    if length > len(data) - CHANNEL_HEADER_BYTES:
        raise ParseError(f"ChannelData of {length} bytes where {len(data) - CHANNEL_HEADER_BYTES} are left")
    return ChannelData(number, data[CHANNEL_HEADER_BYTES : CHANNEL_HEADER_BYTES + length])


def emit_channel_data(number: int, data: bytes, is_padded: bool = False) -> bytes:
    """The datagram; `is_padded` as streams need it."""
    if not is_channel_number(number) or len(data) > 0xFFFF:
        raise LocalError(f"no ChannelData can have number {number:#x} and {len(data)} bytes")
    padding = bytes(-len(data) % 4) if is_padded else b""
    return _CHANNEL_HEADER.pack(number, len(data)) + data + padding


def parse(data: bytes) -> stun.Message:
    """Read one STUN message with TURN's attributes; raises `ParseError`."""
    return with_turn_attributes(stun.parse(data))
