# -*- test-case-name: zerogo.test.wire.test_forward -*-
"""The parts of a FORWARD datagram as raw bytes; `zerogo.wire.forward` has it as values.

Apart from there, since it is read for each carried datagram in a process that must stay small: no imports but errors.
"""

from __future__ import annotations

import struct

from zerogo.errors import ParseError
from zerogo.wire.datagram import TYPE_FORWARD, TYPE_INITIATION, TYPE_TRANSPORT
from zerogo.wire.transport import BAND_MASK, HEADER_BYTES, TAG_BYTES

NODE_ID_BYTES = 10
"""`zerogo.ids.NODE_ID_BYTES`, without the import."""
FORWARD_HEADER = struct.Struct("!BBHIQ")
"""Type, lane, where the sealed part begins, receiver index, counter."""
ROUTE_SHORTEST = 3
ROUTE_LONGEST = 4
"""Members on a route, both ends among them: at most three hops."""
CARRIED_SHORTEST = HEADER_BYTES + TAG_BYTES
"""Bytes of the shortest datagram that is carried: of any, the first 16 and the last 16 are sealed."""
_END = struct.Struct("!BB")
"""Position and band, and count."""
_POSITION_MASK = 0x0F
_BAND_SHIFT = 4
_SEALED_SHORTEST = TAG_BYTES + HEADER_BYTES + ROUTE_SHORTEST * NODE_ID_BYTES + _END.size + TAG_BYTES


def route_bytes(count: int) -> int:
    """What the route takes where `count` members are on it."""
    return count * NODE_ID_BYTES + _END.size


def overhead_bytes(count: int) -> int:
    """How much longer than the datagram the one is that carries it over a route of `count` members."""
    return HEADER_BYTES + route_bytes(count) + TAG_BYTES


def emit_forward_header(sealed_at: int, receiver_index: int, counter: int) -> bytes:
    """The 16 clear bytes, also the associated data of the AEAD."""
    return FORWARD_HEADER.pack(TYPE_FORWARD, 0, sealed_at, receiver_index, counter)


def parse_forward_header(data: bytes | memoryview) -> tuple[int, int, int]:
    """Where the sealed part begins, receiver index and counter; raises `ParseError`."""
    if len(data) < HEADER_BYTES:
        raise ParseError(f"a forwarded datagram of {len(data)} bytes")
    kind, _, sealed_at, index, counter = FORWARD_HEADER.unpack_from(data)
    if kind != TYPE_FORWARD:
        raise ParseError(f"type {kind:#x} is not a forwarded datagram")
    if not HEADER_BYTES <= sealed_at <= len(data) - _SEALED_SHORTEST:
        raise ParseError(f"sealed from {sealed_at} on, of {len(data)} bytes")
    return sealed_at, index, counter


def emit_route(position: int, band: int, route: tuple[bytes, ...]) -> bytes:
    """What goes behind the datagram; `route` are the raw ids."""
    return b"".join(route) + _END.pack(position | band << _BAND_SHIFT, len(route))


def parse_route(raw: bytes | memoryview) -> tuple[int, int, tuple[bytes, ...]]:
    """Position, band and raw ids; `raw` is `route_bytes` long. Raises `ParseError`."""
    if len(raw) < _END.size:
        raise ParseError("a forwarded datagram without a route")
    hop, count = _END.unpack_from(raw, len(raw) - _END.size)
    position = hop & _POSITION_MASK
    if not ROUTE_SHORTEST <= count <= ROUTE_LONGEST:
        raise ParseError(f"a route of {count} members")
    if not 0 < position < count:
        raise ParseError(f"position {position} in a route of {count} members")
    if len(raw) != route_bytes(count):
        raise ParseError(f"a route of {count} members in {len(raw)} bytes")
    route = tuple(bytes(raw[at : at + NODE_ID_BYTES]) for at in range(0, count * NODE_ID_BYTES, NODE_ID_BYTES))
    if len(set(route)) != count:
        raise ParseError("a route that comes twice through a member")
    return position, hop >> _BAND_SHIFT & BAND_MASK, route


def is_carriable(first: int, size: int) -> bool:
    """Whether a datagram that begins with this byte may be carried: one of ours, never STUN or what is from a relay,
    never one that is carried already."""
    return TYPE_INITIATION <= first <= TYPE_TRANSPORT and size >= CARRIED_SHORTEST


def sealed_at(first: int, size: int) -> int:
    """Where the sealed part begins of a FORWARD that carries `size` bytes of that type.

    A sealed datagram proves itself by its tag, so that only its ends are sealed again; of a handshake all is.
    """
    return size - TAG_BYTES if first == TYPE_TRANSPORT else HEADER_BYTES
