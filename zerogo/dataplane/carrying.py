# -*- test-case-name: zerogo.test.dataplane.test_carrying -*-
"""FORWARD datagrams that came in: those for others are carried on, those for us are taken out (docs/PROTOCOL.md, 5.4).

What a head asks for is worked out once and remembered, by who sealed it: a route is used many times. Datagrams for us
are gathered again to what they were, trains, and received as trains are.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.departure import Departure
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.place import ROUTE, Place
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES
from zerogo.dataplane.way import Course
from zerogo.errors import ParseError
from zerogo.switch.storm import StormBudget
from zerogo.wire.route import emit_head, head_bytes, is_carriable, parse_head
from zerogo.wire.transport import INNER, INNER_BYTES, Kind

FORWARD_BURST_BYTES = 65536.0
"""What may be carried at once, at least; else what the rate allows in a quarter of a second."""
_REMEMBERED_LIMIT = 1024
_BATCH_BYTES = 65535
_BATCH_DATAGRAMS = 64


@frozen
class _Errand:
    """What a head asks for: hand on to `next_id` with `head`, or take it out as from `source`."""

    next_id: bytes = b""
    head: bytes = b""
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

    def take(self, peer: Peer, plaintext: memoryview, now: float) -> None:
        """An opened FORWARD that `peer` sealed, with its inner header; it may be written over."""
        tally = self._context.tally
        payload = plaintext[INNER_BYTES:]
        size = head_bytes(payload[0]) if len(payload) else 0
        errand = self._errand(peer, bytes(payload[:size])) if 0 < size < len(payload) else None
        if errand is None or not is_carriable(payload[size]):
            tally.dropped_forward_invalid += 1
        elif errand.source:
            tally.forward_delivered += 1
            self._gather(payload[size:], errand.source, now)
        elif not self._rate or not self._budget.spend(len(payload) - size, now):
            tally.dropped_forward_rate += 1
        else:
            INNER.pack_into(plaintext, 0, Kind.FORWARD, plaintext[1], 0, 0)
            payload[:size] = errand.head
            failure = self._departure.hand_on(errand.next_id, plaintext, now)
            if failure:
                tally.add(failure)
            else:
                tally.forward_carried += 1
                peer.forwarded_bytes += len(payload) - size

    def take_train(
        self, peer: Peer, plaintexts: list[memoryview], last_bytes: int, now: float
    ) -> tuple[Course, SealedSession] | None:
        """Ready opened FORWARDs of one size, the last of `last_bytes`, to be sealed anew as they lie, and say for whom.

        None, and nothing done, where they are not all of one route to another, or the rate has no room for all.
        """
        first = plaintexts[0]
        size = head_bytes(first[INNER_BYTES]) if len(first) > INNER_BYTES else 0
        end = INNER_BYTES + size
        if not size or end >= last_bytes:
            return None
        head = bytes(first[INNER_BYTES:end])
        if not all(each[INNER_BYTES:end] == head and is_carriable(each[end]) for each in plaintexts):
            return None
        errand = self._errand(peer, head)
        hop = self._departure.hop_to(errand.next_id, now) if errand is not None and errand.next_id else None
        if errand is None or hop is None or len(first) + SEAL_BYTES > hop[0].mtu:
            return None
        carried = (len(first) - end) * (len(plaintexts) - 1) + last_bytes - end
        if not self._rate or not self._budget.spend(carried, now):
            return None
        for each in plaintexts:
            each[INNER_BYTES:end] = errand.head
        self._departure.flush(now)
        self._context.tally.forward_carried += len(plaintexts)
        peer.forwarded_bytes += carried
        return hop

    def send_train(self, course: Course, sealed: memoryview, size: int, now: float) -> None:
        """Send on what `take_train` had sealed, one `size` after the other."""
        self._departure.send_run(course, sealed, size, now)

    def flush(self, now: float) -> None:
        """Receive what was gathered for us, and send what is carried."""
        self._flush_gathered(now)
        self._departure.flush(now)

    def _errand(self, peer: Peer, head: bytes) -> _Errand | None:
        key = (peer.peer, head)
        if key not in self._errands:
            if len(self._errands) >= _REMEMBERED_LIMIT:
                self._errands.clear()
            self._errands[key] = self._work_out(peer, head)
        return self._errands[key]

    def _work_out(self, peer: Peer, head: bytes) -> _Errand | None:
        """None where such a head must not come from this peer, or not to us."""
        try:
            position, route = parse_head(head)
        except ParseError:
            return None
        if route[position] != self._context.node_id or route[position - 1] != peer.node_id:
            return None
        if position == len(route) - 1:
            return _Errand(source=(ROUTE, *route[-2::-1]))
        return _Errand(route[position + 1], emit_head(position + 1, route))

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
