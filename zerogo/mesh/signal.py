# -*- test-case-name: zerogo.test.mesh.test_signal -*-
"""Signals: the blobs that two members exchange through the controller, so that their checks know where to go.

    version 1 | tag 16 | body (msgpack map, at most 4,000 bytes)

The tag is BLAKE2s over version and body, keyed with the pair's key for that direction: the controller carries signals
and can delay, repeat or drop them, but not write them. The body says in which *epoch* (a random number drawn when the
sender began to look for the peer anew) and at which *sequence* number it was written, the sender's candidates (RFC 8839
text; those by TCP are addresses to connect to), what its NAT was seen to do, how many members may carry what goes to
it, whether it wants an answer, and, while it tries to be reached through a NAT that maps each destination anew, in
which window of ports it expects to be seen. Each signal is complete: the newest replaces those before it.

Unknown members of the body are ignored; another version is refused. A body that is too large, not msgpack, or carries
more than 24 candidates raises `ParseError`; one candidate that does not parse is skipped, so that a later release may
add kinds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated

import msgspec
from attrs import field, frozen

from zerogo.errors import ParseError
from zerogo.ice.candidate import TCP, Candidate
from zerogo.ice.nature import NatBehaviour
from zerogo.ice.nature import NatMapping as NatMapping
from zerogo.ice.nature import PortPattern as PortPattern
from zerogo.ice.prediction import FIRST_PORT, LAST_PORT, PortWindow
from zerogo.ids import NODE_ID_BYTES, NodeId, SocketAddress
from zerogo.routing.policy import MOST_HOPS
from zerogo.wire.datagram import TYPE_RELAYED_SIGNAL, DatagramKind, classify

SIGNAL_VERSION = 1
CANDIDATES_LIMIT = 24
STREAMS_LIMIT = 8
"""Of these, addresses for TCP connections."""
BLOB_BYTES_LIMIT = 4096
TAG_BYTES = 16
STEP_LIMIT = 65535
SOCKETS_LIMIT = 256
"""Side sockets of one window."""
RELAYED_LIMIT = 4
CARRIERS_LIMIT = MOST_HOPS - 1
_CANDIDATE_TEXT_LIMIT = 160
_HEAD = bytes([SIGNAL_VERSION])


@frozen
class BySignal:
    """Where a handshake datagram goes that the controller carries to a member, or came from: it takes the place of a
    signal (docs/PROTOCOL.md, section 11.1)."""

    node_id: NodeId


@frozen
class Relayed:
    """An address that a relay of the network lends us."""

    relay: str
    """Its name in the network map."""
    address: SocketAddress


@frozen(kw_only=True)
class Offer:
    """What one end has to tell."""

    candidates: tuple[Candidate, ...] = ()
    """By UDP."""
    streams: tuple[Candidate, ...] = ()
    """Where the sender takes TCP connections; they travel among the candidates."""
    nat: NatBehaviour = field(factory=NatBehaviour)
    relayed: tuple[Relayed, ...] = ()
    """At the sender's home relay first, then at others."""
    carriers: int = CARRIERS_LIMIT
    """Members that may carry what goes to the sender."""
    is_complete: bool = False
    """Whether the sender has asked all its servers; more candidates may still come after a change of its network."""

    @property
    def mapping(self) -> NatMapping:
        """What the sender's NAT does with mappings."""
        return self.nat.mapping


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
    window: PortWindow | None = None
    """Where the sender expects to be seen by the receiver at this moment; one behind a hard NAT tells it."""


_Unsigned = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
_Port = Annotated[int, msgspec.Meta(ge=FIRST_PORT, le=LAST_PORT)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=SOCKETS_LIMIT)]
_Text = Annotated[str, msgspec.Meta(max_length=_CANDIDATE_TEXT_LIMIT)]
_RelayName = Annotated[str, msgspec.Meta(max_length=32)]


class _Body(msgspec.Struct, omit_defaults=True):
    e: _Unsigned
    s: _Unsigned
    c: Annotated[list[_Text], msgspec.Meta(max_length=CANDIDATES_LIMIT)] = []
    m: _Text = NatMapping.UNKNOWN.value
    n: _Text = PortPattern.UNKNOWN.value
    d: Annotated[int, msgspec.Meta(ge=-STEP_LIMIT, le=STEP_LIMIT)] = 0
    r: Annotated[list[tuple[_RelayName, _Text]], msgspec.Meta(max_length=RELAYED_LIMIT)] = []
    h: Annotated[int, msgspec.Meta(ge=0, le=CARRIERS_LIMIT)] = CARRIERS_LIMIT
    f: bool = False
    a: bool = False
    w: tuple[_Unsigned, _Text, _Port, _Port, _Count] | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)


def _tag(key: bytes, covered: bytes) -> bytes:
    return hashlib.blake2s(covered, key=key, digest_size=TAG_BYTES, person=b"zg-sig").digest()


def emit_signal(signal: Signal, key: bytes) -> bytes:
    """The blob, tagged with the sender's key of the pair; candidates beyond the limit are left out."""
    window, streams = signal.window, signal.offer.streams[:STREAMS_LIMIT]
    candidates = (*signal.offer.candidates[: CANDIDATES_LIMIT - len(streams)], *streams)
    body = _encoder.encode(
        _Body(
            e=signal.epoch,
            s=signal.sequence,
            c=[candidate.to_text() for candidate in candidates],
            m=signal.offer.nat.mapping.value,
            n=signal.offer.nat.ports.value,
            d=signal.offer.nat.step,
            r=[(each.relay, str(each.address)) for each in signal.offer.relayed[:RELAYED_LIMIT]],
            h=signal.offer.carriers,
            f=signal.offer.is_complete,
            a=signal.wants_answer,
            w=None if window is None else (window.number, window.host, window.low, window.high, window.sockets),
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
    candidates = _parse_candidates(decoded.c)
    return Signal(
        epoch=decoded.e,
        sequence=decoded.s,
        offer=Offer(
            candidates=tuple(each for each in candidates if each.transport != TCP),
            streams=tuple(each for each in candidates if each.transport == TCP)[:STREAMS_LIMIT],
            nat=_parse_nat(decoded),
            relayed=_parse_relayed(decoded.r),
            carriers=decoded.h,
            is_complete=decoded.f,
        ),
        wants_answer=decoded.a,
        window=_parse_window(decoded.w),
    )


def is_signalled_handshake(blob: bytes) -> bool:
    """Whether what the controller passed on is a handshake datagram; those begin unlike any signal."""
    return classify(blob) in (DatagramKind.INITIATION, DatagramKind.RESPONSE, DatagramKind.COOKIE_REPLY)


def emit_relayed_signal(sender: NodeId, blob: bytes) -> bytes:
    """A signal as a datagram that one relayed address sends to another."""
    return bytes([TYPE_RELAYED_SIGNAL]) + sender.raw + blob


def is_relayed_signal(data: bytes) -> bool:
    """Whether a datagram begins as one does."""
    return classify(data) is DatagramKind.RELAYED_SIGNAL


def parse_relayed_signal(data: bytes) -> tuple[NodeId, bytes]:
    """Who claims to have sent it, and the blob, which is yet to be checked; raises `ParseError`.

    A handshake is none: its answer would go by the controller, to a member that anyone at the relay can name.
    """
    blob = data[1 + NODE_ID_BYTES :]
    if not is_relayed_signal(data) or not blob or is_signalled_handshake(blob):
        raise ParseError("not a relayed signal")
    return NodeId(data[1 : 1 + NODE_ID_BYTES]), blob


def _parse_candidates(texts: Sequence[str]) -> tuple[Candidate, ...]:
    candidates = []
    for text in texts:
        try:
            candidates.append(Candidate.parse(text))
        except ParseError:
            continue
    return tuple(candidates)


def _parse_relayed(pairs: Sequence[tuple[str, str]]) -> tuple[Relayed, ...]:
    relayed = []
    for name, text in pairs:
        try:
            relayed.append(Relayed(name, SocketAddress.parse(text)))
        except ParseError:
            continue
    return tuple(relayed)


def _parse_nat(body: _Body) -> NatBehaviour:
    """Words of a later release are unknown."""
    mappings, patterns = [each.value for each in NatMapping], [each.value for each in PortPattern]
    return NatBehaviour(
        mapping=NatMapping(body.m) if body.m in mappings else NatMapping.UNKNOWN,
        ports=PortPattern(body.n) if body.n in patterns else PortPattern.UNKNOWN,
        step=body.d,
    )


def _parse_window(told: tuple[int, str, int, int, int] | None) -> PortWindow | None:
    """None also where it is no window: the rest of the signal is of use all the same."""
    if told is None:
        return None
    number, host, low, high, sockets = told
    try:
        address = SocketAddress.of(host, low)
    except ParseError:
        return None
    if address.is_ipv6 or low > high:
        return None
    return PortWindow(number=number, host=address.host, low=low, high=high, sockets=sockets)
