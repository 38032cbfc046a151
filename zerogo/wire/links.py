# -*- test-case-name: zerogo.test.wire.test_links -*-
"""What members tell each other of their links (docs/PROTOCOL.md, section 5.5): two kinds of control message.

    request   4 | flags 1 | count 1 | count x node id 10
    advert    5 | origin 10 | sequence 8 | count 1 | count x link 13 | signature 64
    link      node id 10 | latency 1 | loss 1 | jitter 1

An advert says what `origin` measured towards each node; whoever carries it on cannot change it. Latency and jitter are
on a scale of 16 steps an octave, 4.4 % each: `round(16 x log2(1 + milliseconds))`, at most 254; a latency of 255 says
that the link is gone. Loss counts steps of 0.4 %, 250 being all.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import NODE_ID_BYTES, NetworkId, NodeId

TYPE_LINK_REQUEST = 4
TYPE_LINK_ADVERT = 5
NODES_LIMIT = 64
"""Of one message: an advert of so many links fits the least MTU."""
SIGNATURE_BYTES = 64
GONE = 255
LOSS_STEPS = 250
_STEPS_PER_OCTAVE = 16
_FLAG_ASK_ON = 1
_LABEL = b"zerogo links 1\0"
_REQUEST = struct.Struct("!BBB")
_ADVERT = struct.Struct(f"!B{NODE_ID_BYTES}sQB")
_LINK = struct.Struct(f"!{NODE_ID_BYTES}sBBB")


def quantise_seconds(seconds: float) -> int:
    """A duration on the scale of adverts, 0 to 254."""
    return min(round(_STEPS_PER_OCTAVE * math.log2(1 + max(seconds, 0.0) * 1000)), GONE - 1)


def seconds_of(step: int) -> float:
    """The duration that a step stands for."""
    return float(2 ** (step / _STEPS_PER_OCTAVE) - 1) / 1000


def quantise_loss(share: float) -> int:
    """A share on the scale of adverts, 0 to 250."""
    return round(min(max(share, 0.0), 1.0) * LOSS_STEPS)


@frozen
class LinkRequest:
    """Tell me of your links to these nodes, for a while, and whenever they change."""

    nodes: tuple[NodeId, ...]
    ask_on: bool = False
    """Where you have no link to one of them: ask your neighbours, and pass on what they say."""


@frozen
class AdvertisedLink:
    """One link, as its origin measured it, in steps; see the module."""

    node: NodeId
    latency: int
    loss: int = 0
    jitter: int = 0

    @property
    def is_gone(self) -> bool:
        """Whether there is no such link any more."""
        return self.latency == GONE

    @property
    def latency_seconds(self) -> float:
        """Round trip."""
        return seconds_of(self.latency)

    @property
    def loss_share(self) -> float:
        """0 to 1."""
        return self.loss / LOSS_STEPS


@frozen
class LinkAdvert:
    """Links of one member, signed by it."""

    origin: NodeId
    sequence: int
    """Grows with each advert of this origin."""
    links: tuple[AdvertisedLink, ...]
    signature: bytes


def emit_request(request: LinkRequest) -> bytes:
    """The payload of a CONTROL datagram."""
    head = _REQUEST.pack(TYPE_LINK_REQUEST, _FLAG_ASK_ON if request.ask_on else 0, len(request.nodes))
    return head + b"".join(node.raw for node in request.nodes)


def parse_request(payload: bytes) -> LinkRequest:
    """Read a request; raises `ParseError`."""
    if len(payload) < _REQUEST.size:
        raise ParseError(f"a link request of {len(payload)} bytes")
    _, flags, count = _REQUEST.unpack_from(payload)
    if not 1 <= count <= NODES_LIMIT or len(payload) < _REQUEST.size + count * NODE_ID_BYTES:
        raise ParseError(f"a link request of {count} nodes in {len(payload)} bytes")
    starts = range(_REQUEST.size, _REQUEST.size + count * NODE_ID_BYTES, NODE_ID_BYTES)
    nodes = tuple(NodeId(payload[start : start + NODE_ID_BYTES]) for start in starts)
    return LinkRequest(nodes, bool(flags & _FLAG_ASK_ON))


def _body(origin: NodeId, sequence: int, links: Sequence[AdvertisedLink]) -> bytes:
    head = _ADVERT.pack(TYPE_LINK_ADVERT, origin.raw, sequence, len(links))
    return head + b"".join(_LINK.pack(link.node.raw, link.latency, link.loss, link.jitter) for link in links)


def signed_part(network: NetworkId, origin: NodeId, sequence: int, links: Sequence[AdvertisedLink]) -> bytes:
    """What the signature of an advert covers."""
    return _LABEL + network.raw + _body(origin, sequence, links)


def emit_advert(advert: LinkAdvert) -> bytes:
    """The payload of a CONTROL datagram."""
    return _body(advert.origin, advert.sequence, advert.links) + advert.signature


def parse_advert(payload: bytes) -> LinkAdvert:
    """Read an advert, whose signature is not looked at; raises `ParseError`."""
    if len(payload) < _ADVERT.size:
        raise ParseError(f"a link advert of {len(payload)} bytes")
    _, origin, sequence, count = _ADVERT.unpack_from(payload)
    end = _ADVERT.size + count * _LINK.size
    if not 1 <= count <= NODES_LIMIT or len(payload) < end + SIGNATURE_BYTES:
        raise ParseError(f"a link advert of {count} links in {len(payload)} bytes")
    links = tuple(
        AdvertisedLink(NodeId(node), latency, loss, jitter)
        for node, latency, loss, jitter in _LINK.iter_unpack(payload[_ADVERT.size : end])
    )
    if any(link.loss > LOSS_STEPS or link.jitter == GONE for link in links):
        raise ParseError("a link advert with values off the scale")
    return LinkAdvert(NodeId(origin), sequence, links, payload[end : end + SIGNATURE_BYTES])
