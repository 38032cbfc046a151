# -*- test-case-name: zerogo.test.dataplane.test_carrying -*-
"""FORWARD datagrams that came in: those for others are carried on, those for us are taken out (docs/PROTOCOL.md, 5.4).

What a route asks for is worked out once and remembered, by who sealed it: a route is used many times. Datagrams for
others are sealed where they lie, for the next member, and leave as the train that they came as. Datagrams for us are
gathered again to what they were, trains, and received as trains are.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.departure import Departure
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.place import ROUTE, Place
from zerogo.errors import ParseError
from zerogo.switch.storm import StormBudget
from zerogo.wire.route import emit_route, is_carriable, parse_route, route_bytes, sealed_at
from zerogo.wire.transport import HEADER_BYTES, TAG_BYTES

FORWARD_BURST_BYTES = 65536.0
"""What may be carried at once, at least; else what the rate allows in a quarter of a second."""
_REMEMBERED_LIMIT = 1024
_BATCH_BYTES = 65535
_BATCH_DATAGRAMS = 64


@frozen
class _Errand:
    """What a route asks for: hand on to `next_id` with `route`, or take it out as from `source`."""

    next_id: bytes = b""
    route: bytes = b""
    source: Place = ()


class Carrying:
    """One per plane.

    :param buffer: where datagrams that are for us are put together.
    :param receive: takes how many bytes lie there, the size of each datagram, where they came from, and now.
    """

    def __init__(
        self,
        context: PlaneContext,
        departure: Departure,
        buffer: memoryview,
        receive: Callable[[int, int, Place, float], None],
    ) -> None:
        self._context = context
        self._departure = departure
        self._buffer = buffer
        self._receive = receive
        self._rate = 0
        self._budget = StormBudget(1.0, 1.0)
        self._errands: dict[tuple[int, bytes], _Errand | None] = {}
        self._source: Place = ()
        self._size = self._used = 0

    def set_rate(self, bytes_per_second: int) -> None:
        """Carry others' datagrams up to this rate; 0 carries none."""
        self._rate = bytes_per_second
        self._budget = StormBudget(float(bytes_per_second), max(bytes_per_second / 4, FORWARD_BURST_BYTES))

    def forget(self) -> None:
        """Members have changed."""
        self._errands.clear()

    def take(self, peer: Peer, slot: memoryview, starts_at: int, now: float) -> None:
        """A FORWARD that `peer` sealed and that was opened where it lies; it is used until `flush`.

        :param starts_at: where its sealed part begins.
        """
        tally = self._context.tally
        end = len(slot) - TAG_BYTES
        route = max(end - route_bytes(slot[end - 1]), 0)
        size = route - HEADER_BYTES
        errand = self._errand(peer, bytes(slot[route:end])) if size >= starts_at else None
        is_right = errand is not None and is_carriable(slot[size], size) and starts_at == sealed_at(slot[size], size)
        if errand is None or not is_right:
            tally.dropped_forward_invalid += 1
        elif errand.source:
            tally.forward_delivered += 1
            slot[:HEADER_BYTES] = bytes(slot[size:route])
            self._gather(slot[:size], errand.source, now)
        elif not self._rate or not self._budget.spend(size, now):
            tally.dropped_forward_rate += 1
        else:
            slot[route:end] = errand.route
            self._carry(errand.next_id, slot, starts_at, (peer, size), now)

    def _carry(self, next_id: bytes, slot: memoryview, starts_at: int, account: tuple[Peer, int], now: float) -> None:
        """Seal it for the next member; `account` is for whom it is done, and how much that is."""
        tally = self._context.tally
        hop = self._departure.hop_to(next_id, now)
        if hop is None:
            tally.dropped_forward_no_way += 1
            return
        course, session = hop
        if len(slot) > course.mtu:
            tally.dropped_forward_too_long += 1
        elif session.seal_forward(slot, starts_at):
            peer, size = account
            tally.forward_carried += 1
            peer.forwarded_bytes += size
            self._departure.append(course, slot, now)

    def flush(self, now: float) -> None:
        """Receive what was gathered for us, and send what is carried."""
        self._flush_gathered(now)
        self._departure.flush(now)

    def _errand(self, peer: Peer, raw: bytes) -> _Errand | None:
        key = (peer.peer, raw)
        if key not in self._errands:
            if len(self._errands) >= _REMEMBERED_LIMIT:
                self._errands.clear()
            self._errands[key] = self._work_out(peer, raw)
        return self._errands[key]

    def _work_out(self, peer: Peer, raw: bytes) -> _Errand | None:
        """None where such a route must not come from this peer, or not to us."""
        try:
            position, band, route = parse_route(raw)
        except ParseError:
            return None
        if route[position] != self._context.node_id or route[position - 1] != peer.node_id:
            return None
        if position == len(route) - 1:
            return _Errand(source=(ROUTE, *route[-2::-1]))
        return _Errand(route[position + 1], emit_route(position + 1, band, route))

    def _gather(self, datagram: memoryview, source: Place, now: float) -> None:
        """Put a datagram for us behind those that came the same way and have its size."""
        size, used = len(datagram), self._used
        is_full = used + size > _BATCH_BYTES or used >= self._size * _BATCH_DATAGRAMS
        if source != self._source or size > self._size or used % self._size or is_full:
            self._flush_gathered(now)
            self._source, self._size, used = source, size, 0
        self._buffer[used : used + size] = datagram
        self._used = used + size

    def _flush_gathered(self, now: float) -> None:
        used, self._used = self._used, 0
        if used:
            self._receive(used, min(self._size, used), self._source, now)
        self._source, self._size = (), 0
