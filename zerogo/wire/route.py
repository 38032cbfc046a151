# -*- test-case-name: zerogo.test.wire.test_forward -*-
"""The head of a FORWARD payload as raw bytes; `zerogo.wire.forward` has it as values.

Apart from there, since it is read for each carried datagram in a process that must stay small: no imports but errors.
"""

from __future__ import annotations

import struct

from zerogo.errors import ParseError
from zerogo.wire.datagram import TYPE_INITIATION, TYPE_TRANSPORT
from zerogo.wire.transport import OVERHEAD_BYTES

NODE_ID_BYTES = 10
"""`zerogo.ids.NODE_ID_BYTES`, without the import."""
HEAD = struct.Struct("!BB")
"""Count and position."""
ROUTE_SHORTEST = 3
ROUTE_LONGEST = 4
"""Members on a route, both ends among them: at most three hops."""


def head_bytes(count: int) -> int:
    """What stands before the datagram where `count` members are on the route."""
    return HEAD.size + count * NODE_ID_BYTES


def overhead_bytes(count: int) -> int:
    """How much longer than the datagram the sealed one is that carries it over a route of `count` members."""
    return head_bytes(count) + OVERHEAD_BYTES


def emit_head(position: int, route: tuple[bytes, ...]) -> bytes:
    """What goes before the datagram; `route` are the raw ids."""
    return HEAD.pack(len(route), position) + b"".join(route)


def parse_head(payload: bytes | memoryview) -> tuple[int, tuple[bytes, ...]]:
    """Position and raw ids; the datagram begins `head_bytes` after. Raises `ParseError`."""
    if len(payload) < HEAD.size:
        raise ParseError("a forwarded datagram without a route")
    count, position = HEAD.unpack_from(payload)
    if not ROUTE_SHORTEST <= count <= ROUTE_LONGEST:
        raise ParseError(f"a route of {count} members")
    if not 0 < position < count:
        raise ParseError(f"position {position} in a route of {count} members")
    size = head_bytes(count)
    if len(payload) < size:
        raise ParseError("a route that is cut short")
    ids = bytes(payload[HEAD.size : size])
    route = tuple(ids[at : at + NODE_ID_BYTES] for at in range(0, len(ids), NODE_ID_BYTES))
    if len(set(route)) != count:
        raise ParseError("a route that comes twice through a member")
    return position, route


def is_carriable(first: int) -> bool:
    """Whether a datagram that begins with this byte may be carried: one of ours, never STUN or what is from a relay."""
    return TYPE_INITIATION <= first <= TYPE_TRANSPORT
