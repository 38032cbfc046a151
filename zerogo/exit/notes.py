# -*- test-case-name: zerogo.test.exit.test_notes -*-
"""What the two ends of a tunnel tell each other beside streams: msgpack maps with `t` as type, unknown types ignored.

    gateway   places   the gateways that the edge should have tunnels to, best first
    edge      tally    how many bytes streams that are over have carried, as the edge counts

Notes are not sent again when a carrier breaks: the gateway tells places anew on each carrier, and a tally that was lost
leaves streams uncompared.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from zerogo.wire.tagged import TaggedReader, emit_tagged

NOTE_LIMIT = 16 * 1024
PLACES_LIMIT = 16
TALLY_LIMIT = 400

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gateway, as an edge dials it."""

    addresses: Annotated[list[Annotated[str, msgspec.Meta(max_length=260)]], msgspec.Meta(min_length=1, max_length=8)]
    key_hash: Annotated[bytes, msgspec.Meta(min_length=20, max_length=20)]
    is_tls: bool = msgspec.field(default=False, name="tls")


class Places(msgspec.Struct, frozen=True, tag="places", tag_field="t"):
    """Have tunnels to `wanted` of these gateways, and to no others."""

    wanted: Annotated[int, msgspec.Meta(ge=1, le=PLACES_LIMIT)]
    places: Annotated[list[Place], msgspec.Meta(max_length=PLACES_LIMIT)]


class StreamTally(msgspec.Struct, frozen=True, array_like=True):
    """A stream that is over: bytes passed on to the target, and bytes that came from it."""

    stream: _Count
    up: _Count
    down: _Count


class Tally(msgspec.Struct, frozen=True, tag="tally", tag_field="t"):
    """Streams that are over since the tally before."""

    streams: Annotated[list[StreamTally], msgspec.Meta(max_length=TALLY_LIMIT)]


Note = Places | Tally


_READER: TaggedReader[Note] = TaggedReader("a note", NOTE_LIMIT, Places, Tally)


def emit_note(note: Note) -> bytes:
    """The bytes."""
    return emit_tagged(note)


def parse_note(data: bytes) -> Note | None:
    """Read a note; None for a type of a later release; raises `ParseError`."""
    return _READER.read(data)
