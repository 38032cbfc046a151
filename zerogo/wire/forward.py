# -*- test-case-name: zerogo.test.wire.test_forward -*-
"""FORWARD: another pair's complete datagram, carried one hop further (docs/PROTOCOL.md, "FORWARD").

    clear   type 0x98 | lane | where the sealed part begins 2 | receiver index 4 | counter 8 | middle of the datagram
    sealed  end of the datagram | its first 16 bytes | count x NodeId 10 | position and band 1 | count 1 | tag 16

The ids are the whole route: who sent the datagram, who carries it, in order, and whom it is for. `position` is the
place in it of whoever this copy is sealed for. The datagram is one of ours (first byte 0x90 to 0x93). A transport
datagram is sealed end to end already, between the first and the last: what is sealed of it once more are its ends, with
which nothing else can be carried than what they belong to. A handshake is sealed but for its place.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.wire.route import emit_route, is_carriable, parse_route, route_bytes, sealed_at
from zerogo.wire.transport import HEADER_BYTES, Band


@frozen
class Forward:
    """A datagram under way, as it is sealed for `route[position]`."""

    route: tuple[NodeId, ...]
    position: int
    datagram: bytes
    band: int = Band.BULK

    @property
    def is_last(self) -> bool:
        """Whether it is for the one that it is sealed for."""
        return self.position == len(self.route) - 1

    @property
    def back(self) -> tuple[NodeId, ...]:
        """The hops of an answer by the same route, for the last member of it."""
        return self.route[-2::-1]

    def is_rightful(self, own: NodeId, sealed_by: NodeId) -> bool:
        """Whether it came to where it should, from whom it should."""
        return self.route[self.position] == own and self.route[self.position - 1] == sealed_by

    def onward(self) -> Forward:
        """As it is sealed for the next member."""
        return Forward(self.route, self.position + 1, self.datagram, self.band)


def first_forward(own: NodeId, hops: tuple[NodeId, ...], datagram: bytes) -> Forward:
    """A datagram of our own for `hops[-1]`, as it is sealed for `hops[0]`."""
    return Forward((own, *hops), 1, datagram)


def emit_forward(forward: Forward) -> tuple[bytes, bytes]:
    """What of a FORWARD stands in clear behind its header, and what is to be sealed. Raises `ParseError` for a datagram
    that is not to be carried."""
    datagram = forward.datagram
    if not datagram or not is_carriable(datagram[0], len(datagram)):
        raise ParseError("what is to be carried is no datagram of ours")
    end = sealed_at(datagram[0], len(datagram))
    route = emit_route(forward.position, forward.band, tuple(hop.raw for hop in forward.route))
    return datagram[HEADER_BYTES:end], datagram[end:] + datagram[:HEADER_BYTES] + route


def parse_forward(clear: bytes, opened: bytes) -> Forward:
    """Read a FORWARD by what stood in clear behind its header and what was sealed; raises `ParseError`."""
    size = route_bytes(opened[-1]) if opened else 0
    position, band, route = parse_route(opened[-size:])
    rest = opened[:-size]
    if len(rest) < HEADER_BYTES:
        raise ParseError("a forwarded datagram that is cut short")
    datagram = rest[-HEADER_BYTES:] + clear + rest[:-HEADER_BYTES]
    if not is_carriable(datagram[0], len(datagram)):
        raise ParseError("what is carried is no datagram of ours")
    if HEADER_BYTES + len(clear) != sealed_at(datagram[0], len(datagram)):
        raise ParseError("what is carried is not sealed from where it should be")
    return Forward(tuple(map(NodeId, route)), position, datagram, band)
