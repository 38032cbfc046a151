# -*- test-case-name: zerogo.test.wire.test_control -*-
"""Messages inside a session (kind CONTROL): type 1, then the body. An unknown type parses to None: skip it.

    probe         1 | id 4 | padding ...            padding makes a probe as long as the data it stands for
    probe answer  2 | id 4                          answered on the path the probe came by
    close         3 | reason 1                      the sender has dropped the session
    link request  4 | ...                           `zerogo.wire.links`
    link advert   5 | ...

Numbers behind names are lengths in bytes.
"""

from __future__ import annotations

import enum
import struct

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.wire.links import (
    TYPE_LINK_ADVERT,
    TYPE_LINK_REQUEST,
    LinkAdvert,
    LinkRequest,
    emit_advert,
    emit_request,
    parse_advert,
    parse_request,
)
from zerogo.wire.probe import PROBE, TYPE_PROBE, TYPE_PROBE_ANSWER

_CLOSE = struct.Struct("!BB")
TYPE_CLOSE = 3


class CloseReason(enum.IntEnum):
    """Why a peer dropped the session."""

    SHUTDOWN = 1
    REMOVED = 2
    RESTART = 3


@frozen
class Probe:
    """Answer me on the path this came by."""

    probe_id: int
    padding: int = 0


@frozen
class ProbeAnswer:
    """The answer to the probe of that id."""

    probe_id: int


@frozen
class Close:
    """The session is gone at the sender's end."""

    reason: int


ControlMessage = Probe | ProbeAnswer | Close | LinkRequest | LinkAdvert


def emit_control(message: ControlMessage) -> bytes:
    """The payload of a CONTROL datagram."""
    match message:
        case Probe(probe_id, padding):
            return PROBE.pack(TYPE_PROBE, probe_id) + bytes(padding)
        case ProbeAnswer(probe_id):
            return PROBE.pack(TYPE_PROBE_ANSWER, probe_id)
        case Close(reason):
            return _CLOSE.pack(TYPE_CLOSE, reason)
        case LinkRequest():
            return emit_request(message)
        case LinkAdvert():
            return emit_advert(message)


def parse_control(payload: bytes) -> ControlMessage | None:
    """Read the payload of a CONTROL datagram; None for a type of a later release; raises `ParseError`."""
    if not payload:
        raise ParseError("an empty control message")
    kind = payload[0]
    if kind in (TYPE_PROBE, TYPE_PROBE_ANSWER):
        if len(payload) < PROBE.size:
            raise ParseError(f"a probe of {len(payload)} bytes")
        probe_id = PROBE.unpack_from(payload)[1]
        return Probe(probe_id, len(payload) - PROBE.size) if kind == TYPE_PROBE else ProbeAnswer(probe_id)
    if kind == TYPE_CLOSE:
        if len(payload) < _CLOSE.size:
            raise ParseError("a close without a reason")
        return Close(_CLOSE.unpack_from(payload)[1])
    if kind == TYPE_LINK_REQUEST:
        return parse_request(payload)
    if kind == TYPE_LINK_ADVERT:
        return parse_advert(payload)
    return None
