# -*- test-case-name: zerogo.test.wire.test_forward -*-
"""The payload of kind FORWARD: another pair's complete datagram, carried one hop further (docs/PROTOCOL.md, "FORWARD").

    count 1 | position 1 | count x NodeId 10 | datagram

The ids are the whole route: who sent the datagram, who carries it, in order, and whom it is for. `position` is the
place in it of whoever this copy is sealed for. The datagram is one of ours (first byte 0x90 to 0x93), sealed end to end
between the first and the last, so those between see only how long it is and whose.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.wire.route import emit_head, head_bytes, is_carriable, parse_head


@frozen
class Forward:
    """A datagram under way, as it is sealed for `route[position]`."""

    route: tuple[NodeId, ...]
    position: int
    datagram: bytes

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
        return Forward(self.route, self.position + 1, self.datagram)


def first_forward(own: NodeId, hops: tuple[NodeId, ...], datagram: bytes) -> Forward:
    """A datagram of our own for `hops[-1]`, as it is sealed for `hops[0]`."""
    return Forward((own, *hops), 1, datagram)


def emit_forward(forward: Forward) -> bytes:
    """The payload of a FORWARD datagram."""
    return emit_head(forward.position, tuple(hop.raw for hop in forward.route)) + forward.datagram


def parse_forward(payload: bytes) -> Forward:
    """Read the payload of a FORWARD datagram; raises `ParseError`."""
    position, route = parse_head(payload)
    datagram = bytes(payload[head_bytes(len(route)) :])
    if not datagram or not is_carriable(datagram[0]):
        raise ParseError("what is carried is no datagram of ours")
    return Forward(tuple(map(NodeId, route)), position, datagram)
