# -*- test-case-name: zerogo.test.mesh.test_signal -*-
"""Signals: the blobs that two members exchange through the controller, so that their checks know where to go.

    version 1 | tag 16 | body (msgpack map, at most 4,000 bytes)

The tag is BLAKE2s over version and body, keyed with the pair's key for that direction: the controller carries signals
and can delay, repeat or drop them, but not write them. The body says in which *epoch* (a random number drawn when the
sender began to look for the peer anew) and at which *sequence* number it was written, the sender's candidates (RFC 8839
text), what its NAT was seen to do, and whether it
wants an answer. Each signal is complete: the newest replaces those before it.

Unknown members of the body are ignored; another version is refused. A body that is too large, not msgpack, or carries
more than 24 candidates raises `ParseError`; one candidate that does not parse is skipped, so that a later release may
add kinds.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated

import msgspec
from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ice.candidate import Candidate

SIGNAL_VERSION = 1
CANDIDATES_LIMIT = 24
BLOB_BYTES_LIMIT = 4096
TAG_BYTES = 16
_CANDIDATE_TEXT_LIMIT = 160
_HEAD = bytes([SIGNAL_VERSION])


class NatMapping(enum.StrEnum):
    """What a node's NAT was seen to do with one socket that talks to several destinations (RFC 4787 section 4.1)."""

    UNKNOWN = "unknown"
    NONE = "none"
    """The outside sees the host's own address."""
    STABLE = "stable"
    """The same outside address for all destinations."""
    PER_DESTINATION = "per-destination"
    """Another outside port for each destination ("symmetric"): the address that servers see is of no use to peers."""


@frozen(kw_only=True)
class Offer:
    """What one end has to tell."""

    candidates: tuple[Candidate, ...] = ()
    mapping: NatMapping = NatMapping.UNKNOWN
    is_complete: bool = False
    """Whether the sender has asked all its servers; more candidates may still come after a change of its network."""


@frozen(kw_only=True)
class Signal:
    """An offer, and which one it is."""

    epoch: int
    """32 bits, random: another number than before says that the sender began anew."""
    sequence: int
    """Grows by one per signal of an epoch; 32 bits."""
    offer: Offer
    wants_answer: bool = False
    """Please send me your signal: I have none of you, or one that may be of no use."""


_Unsigned = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
_Text = Annotated[str, msgspec.Meta(max_length=_CANDIDATE_TEXT_LIMIT)]


class _Body(msgspec.Struct, omit_defaults=True):
    e: _Unsigned
    s: _Unsigned
    c: Annotated[list[_Text], msgspec.Meta(max_length=CANDIDATES_LIMIT)] = []
    m: _Text = NatMapping.UNKNOWN.value
    f: bool = False
    a: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)


def _tag(key: bytes, covered: bytes) -> bytes:
    return hashlib.blake2s(covered, key=key, digest_size=TAG_BYTES, person=b"zg-sig").digest()


def emit_signal(signal: Signal, key: bytes) -> bytes:
    """The blob, tagged with the sender's key of the pair; candidates beyond the limit are left out."""
    body = _encoder.encode(
        _Body(
            e=signal.epoch,
            s=signal.sequence,
            c=[candidate.to_text() for candidate in signal.offer.candidates[:CANDIDATES_LIMIT]],
            m=signal.offer.mapping.value,
            f=signal.offer.is_complete,
            a=signal.wants_answer,
        )
    )
    return _HEAD + _tag(key, _HEAD + body) + body


def parse_signal(blob: bytes, key: bytes) -> Signal:
    """Read a blob tagged with the other end's key of the pair; raises `ParseError`, also where the tag is wrong."""
    if not TAG_BYTES + len(_HEAD) < len(blob) <= BLOB_BYTES_LIMIT:
        raise ParseError(f"a signal of {len(blob)} bytes")
    if blob[0] != SIGNAL_VERSION:
        raise ParseError(f"signal version {blob[0]}; this release speaks {SIGNAL_VERSION}")
    tag, body = blob[1 : 1 + TAG_BYTES], blob[1 + TAG_BYTES :]
    if not hmac.compare_digest(tag, _tag(key, _HEAD + body)):
        raise ParseError("a signal with a wrong tag")
    try:
        decoded = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError("a signal whose body is not one") from error
    return Signal(
        epoch=decoded.e,
        sequence=decoded.s,
        offer=Offer(candidates=_parse_candidates(decoded.c), mapping=_parse_mapping(decoded.m), is_complete=decoded.f),
        wants_answer=decoded.a,
    )


def _parse_candidates(texts: Sequence[str]) -> tuple[Candidate, ...]:
    candidates = []
    for text in texts:
        try:
            candidates.append(Candidate.parse(text))
        except ParseError:
            continue
    return tuple(candidates)


def _parse_mapping(text: str) -> NatMapping:
    try:
        return NatMapping(text)
    except ValueError:
        return NatMapping.UNKNOWN
