# -*- test-case-name: zerogo.test.exit.test_frames -*-
"""The frames of the multiplexer (docs/PROTOCOL.md, "Exit tunnel"), bytes to values and back.

    frame    type 1 | stream 4 | length 4 | payload

    1 OPEN       command 1 | credit 4 | port 2 | host         the gateway wants a stream
    2 OPENED     credit 4 | microseconds 4 | port 2 | address 4 or 16      it is there; how long the dial took
    3 DATA       bytes of the stream, at least 1
    4 FIN        empty: no more data in this direction
    5 RESET      reason 1 | sentence          the stream is over in both directions, or could not be opened
    6 CREDIT     count 4: so many more bytes may be sent
    7 DATAGRAM   port 2 | length of host 1 | host | datagram
    8 ACCEPTED   port 2 | address 4 or 16: who connected to a listening stream
    9 GOAWAY     reason 1: no further streams; those that are there go on

`host` is the text of an address or a name. Numbers behind names are lengths in bytes.
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from collections.abc import Iterator
from functools import lru_cache

from attrs import field, frozen

from zerogo.errors import ParseError
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.policy.addresses import REMEMBERED

HEAD = struct.Struct("!BII")
SENTENCE_LIMIT = 200
STREAM_LIMIT = 2**32 - 1
DATAGRAM_LIMIT = 65_000
"""Longest datagram of a user, bytes: with its head and its host it fits one packet."""
_OPEN = struct.Struct("!BIH")
_OPENED = struct.Struct("!IIH")
_CREDIT = struct.Struct("!I")
_PORT = struct.Struct("!H")
_DATAGRAM = struct.Struct("!HB")


class Kind(enum.IntEnum):
    """The type of a frame."""

    OPEN = 1
    OPENED = 2
    DATA = 3
    FIN = 4
    RESET = 5
    CREDIT = 6
    DATAGRAM = 7
    ACCEPTED = 8
    GOAWAY = 9


class Command(enum.IntEnum):
    """What a stream is to be."""

    CONNECT = 1
    LISTEN = 2
    """One connection from the target's address is taken (SOCKS BIND)."""
    DATAGRAMS = 3
    """A UDP socket at the edge (SOCKS UDP ASSOCIATE)."""


@frozen
class Open:
    """A gateway asks for a stream."""

    command: Command
    credit: int
    target: Target


@frozen
class Opened:
    """An edge has it."""

    credit: int
    microseconds: int
    bound: SocketAddress


@frozen
class Reset:
    """Why a stream is over."""

    reason: Reason
    sentence: str = ""


@frozen
class Datagram:
    """To or from where, and what."""

    target: Target
    payload: bytes = field(repr=False)


def frame(kind: Kind, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEAD.pack(kind, stream, len(payload)) + payload


def split_frames(packet: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(kind, stream, payload) of each frame of a packet; raises `ParseError` where one is cut."""
    at, end, head = 0, len(packet), HEAD.size
    while at < end:
        if end - at < head:
            raise ParseError("a frame is cut")
        kind, stream, length = HEAD.unpack_from(packet, at)
        at += head
        if end - at < length:
            raise ParseError("a frame is longer than its packet")
        yield kind, stream, packet[at : at + length]
        at += length


def emit_open(value: Open) -> bytes:
    """The payload."""
    return _OPEN.pack(value.command, value.credit, value.target.port) + value.target.host.encode("ascii")


def parse_open(payload: bytes) -> Open:
    """Read a payload; raises `ParseError`."""
    if len(payload) <= _OPEN.size:
        raise ParseError("an OPEN frame is too short")
    command, credit, port = _OPEN.unpack_from(payload)
    try:
        known = Command(command)
    except ValueError as error:
        raise ParseError(f"an OPEN frame with the command {command}") from error
    return Open(known, credit, Target.of(_ascii(payload[_OPEN.size :]), port))


def emit_opened(value: Opened) -> bytes:
    """The payload."""
    microseconds = min(value.microseconds, 2**32 - 1)
    return _OPENED.pack(value.credit, microseconds, value.bound.port) + packed_address(value.bound.host)


def parse_opened(payload: bytes) -> Opened:
    """Read a payload; raises `ParseError`."""
    if len(payload) not in (_OPENED.size + 4, _OPENED.size + 16):
        raise ParseError("an OPENED frame of a wrong length")
    credit, microseconds, port = _OPENED.unpack_from(payload)
    return Opened(credit, microseconds, _unpacked(payload[_OPENED.size :], port))


def emit_reset(value: Reset) -> bytes:
    """The payload; a sentence that is too long is cut."""
    return bytes([value.reason]) + value.sentence.encode("utf-8")[:SENTENCE_LIMIT]


def parse_reset(payload: bytes) -> Reset:
    """Read a payload; raises `ParseError`. What cannot be printed in the sentence is left out."""
    if not payload or len(payload) > 1 + SENTENCE_LIMIT:
        raise ParseError("a RESET frame of a wrong length")
    sentence = "".join(each for each in payload[1:].decode("utf-8", "ignore") if each.isprintable())
    return Reset(Reason.read(payload[0]), sentence)


def emit_credit(count: int) -> bytes:
    """The payload."""
    return _CREDIT.pack(count)


def parse_credit(payload: bytes) -> int:
    """Read a payload; raises `ParseError`."""
    if len(payload) != _CREDIT.size:
        raise ParseError("a CREDIT frame of a wrong length")
    count: int = _CREDIT.unpack(payload)[0]
    return count


def emit_datagram(value: Datagram) -> bytes:
    """The payload."""
    host = value.target.host.encode("ascii")
    return _DATAGRAM.pack(value.target.port, len(host)) + host + value.payload


def parse_datagram(payload: bytes) -> Datagram:
    """Read a payload; raises `ParseError`."""
    if len(payload) < _DATAGRAM.size:
        raise ParseError("a DATAGRAM frame is too short")
    port, length = _DATAGRAM.unpack_from(payload)
    end = _DATAGRAM.size + length
    if len(payload) < end:
        raise ParseError("a DATAGRAM frame is cut")
    return Datagram(Target.of(_ascii(payload[_DATAGRAM.size : end]), port), payload[end:])


def emit_address(address: SocketAddress) -> bytes:
    """The payload of ACCEPTED."""
    return _PORT.pack(address.port) + packed_address(address.host)


def parse_address(payload: bytes) -> SocketAddress:
    """Read a payload of ACCEPTED; raises `ParseError`."""
    if len(payload) not in (6, 18):
        raise ParseError("an ACCEPTED frame of a wrong length")
    return _unpacked(payload[2:], _PORT.unpack_from(payload)[0])


@lru_cache(REMEMBERED)
def packed_address(host: str) -> bytes:
    """The 4 or 16 bytes of an address in canonical text."""
    return ipaddress.ip_address(host).packed


@lru_cache(REMEMBERED)
def address_text(raw: bytes) -> str:
    """The canonical text of 4 or 16 bytes."""
    return str(ipaddress.ip_address(raw))


def _unpacked(raw: bytes, port: int) -> SocketAddress:
    return SocketAddress.of(address_text(raw), port)


def _ascii(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise ParseError("a host that is not ASCII") from error
