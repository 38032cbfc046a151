# -*- test-case-name: zerogo.test.wire.test_transport -*-
"""Sealed datagrams: 16 clear, authenticated bytes, then the AEAD over an inner header of 4 bytes and the payload.

    clear   type 0x93 | lane (low 3 bits; the rest 0) | 0 0 | receiver index 4 | counter 8
    sealed  kind (low 4 bits) and checksum flags | priority band (low 2 bits) | run id | position
            | payload ... | tag 16

A *run* is one super-frame of the sender's kernel, cut into complete frames: all of a run carry the same run id (1 to
255; 0 says "not of a run") and their position from 0 up, with the high bit set on the last. The receiver merges what
arrived of it without looking at flows. Checksum flags: PARTIAL, the TCP or UDP checksum was left to be completed (its
field holds nothing of worth); VERIFIED, the sender's kernel had verified it.
"""

from __future__ import annotations

import enum
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.wire.datagram import TYPE_TRANSPORT

HEADER_BYTES = 16
INNER_BYTES = 4
TAG_BYTES = 16
OVERHEAD_BYTES = HEADER_BYTES + INNER_BYTES + TAG_BYTES
"""Bytes that a sealed datagram adds to its payload: 36."""

HEADER = struct.Struct("!BBxxIQ")
INNER = struct.Struct("!BBBB")
LANE_MASK = 0x07
BAND_MASK = 0x03
KIND_MASK = 0x0F
FLAG_PARTIAL = 0x10
FLAG_VERIFIED = 0x20
LAST_OF_RUN = 0x80
RUN_LENGTH_LIMIT = 128


class Kind(enum.IntEnum):
    """What the payload of a sealed datagram is."""

    KEEPALIVE = 0
    """Nothing; the payload is empty."""
    ETHERNET = 1
    """A complete Ethernet frame."""
    ETHERNET_ELIDED = 2
    """An IP packet between the two peers' own MAC addresses, whose 14-byte Ethernet header was left out."""
    FRAGMENT = 3
    """A piece of a frame that is larger than the path: see `Fragment`."""
    CONTROL = 4
    """A message of `zerogo.wire.control`."""


class Band(enum.IntEnum):
    """Priority: lower goes first."""

    CONTROL = 0
    REALTIME = 1
    BULK = 2


@frozen
class TransportHeader:
    """The 16 clear bytes."""

    lane: int
    receiver_index: int
    counter: int


@frozen
class InnerHeader:
    """The first 4 sealed bytes."""

    kind: Kind
    checksum_partial: bool = False
    checksum_verified: bool = False
    band: int = Band.BULK
    run_id: int = 0
    position: int = 0
    is_last: bool = False


def emit_header(header: TransportHeader) -> bytes:
    """The 16 clear bytes, also the associated data of the AEAD."""
    return HEADER.pack(TYPE_TRANSPORT, header.lane, header.receiver_index, header.counter)


def parse_header(data: bytes) -> TransportHeader:
    """Read the clear bytes of a datagram; raises `ParseError` where it cannot hold a sealed inner header."""
    if len(data) < OVERHEAD_BYTES:
        raise ParseError(f"a transport datagram of {len(data)} bytes")
    kind, lane, receiver_index, counter = HEADER.unpack_from(data)
    if kind != TYPE_TRANSPORT:
        raise ParseError(f"type {kind:#x} is not a transport datagram")
    return TransportHeader(lane & LANE_MASK, receiver_index, counter)


def emit_inner(inner: InnerHeader) -> bytes:
    """The first 4 sealed bytes."""
    first = inner.kind | (FLAG_PARTIAL if inner.checksum_partial else 0)
    first |= FLAG_VERIFIED if inner.checksum_verified else 0
    position = inner.position | (LAST_OF_RUN if inner.is_last else 0)
    return INNER.pack(first, inner.band, inner.run_id, position)


def parse_inner(plaintext: bytes) -> InnerHeader:
    """Read the first 4 sealed bytes; raises `ParseError` on an unknown kind."""
    if len(plaintext) < INNER_BYTES:
        raise ParseError(f"an inner header of {len(plaintext)} bytes")
    first, band, run_id, position = INNER.unpack_from(plaintext)
    try:
        kind = Kind(first & KIND_MASK)
    except ValueError as error:
        raise ParseError(f"unknown kind {first & KIND_MASK}") from error
    return InnerHeader(
        kind=kind,
        checksum_partial=bool(first & FLAG_PARTIAL),
        checksum_verified=bool(first & FLAG_VERIFIED),
        band=band & BAND_MASK,
        run_id=run_id,
        position=position & ~LAST_OF_RUN,
        is_last=bool(position & LAST_OF_RUN),
    )


FRAGMENT = struct.Struct("!HBB")
"""Head of a FRAGMENT payload: frame id (2), position (1, high bit on the last), kind and flags of the frame (1)."""


@frozen
class Fragment:
    """A piece of a frame; all pieces of one frame carry the same frame id and come each in a datagram of its own."""

    frame_id: int
    position: int
    is_last: bool
    kind_and_flags: int
    """First byte of the inner header that the whole frame would have had."""
    piece: bytes


def emit_fragment(fragment: Fragment) -> bytes:
    """The payload of a FRAGMENT datagram."""
    position = fragment.position | (LAST_OF_RUN if fragment.is_last else 0)
    return FRAGMENT.pack(fragment.frame_id, position, fragment.kind_and_flags) + fragment.piece


def parse_fragment(payload: bytes) -> Fragment:
    """Read the payload of a FRAGMENT datagram; raises `ParseError`."""
    if len(payload) <= FRAGMENT.size:
        raise ParseError(f"a fragment of {len(payload)} bytes")
    frame_id, position, kind_and_flags = FRAGMENT.unpack_from(payload)
    is_last = bool(position & LAST_OF_RUN)
    return Fragment(frame_id, position & ~LAST_OF_RUN, is_last, kind_and_flags, payload[FRAGMENT.size :])
