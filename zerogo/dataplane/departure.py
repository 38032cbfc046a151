# -*- test-case-name: zerogo.test.dataplane.test_departure -*-
"""How sealed datagrams leave: into a socket or channel, wrapped for a carrier, by two ways at once, and again later.

A datagram that goes by a route is sealed once more, as FORWARD, for the first carrier, and joins a train to that one.
Carriers put what they carry for others into the same train (`zerogo.dataplane.carrying`).
"""

from __future__ import annotations

from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.cut import Run
from zerogo.dataplane.late import LateCopies
from zerogo.dataplane.messages import PATH_REFUSED
from zerogo.dataplane.place import Place, is_route
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES, LayoutCache, SealedSlots
from zerogo.dataplane.train import Train
from zerogo.dataplane.transmit import TRAIN_BYTES_LIMIT, TRAIN_DATAGRAMS_LIMIT
from zerogo.dataplane.way import PATH_MTU_MAXIMUM, Course, Way
from zerogo.wire.route import is_carriable
from zerogo.wire.transport import INNER, Kind

REFUSED_QUIET_SECONDS = 1.0
NO_WAY = "dropped_forward_no_way"
TOO_LONG = "dropped_forward_too_long"
"""Counters: no session with the next member or no path but a route to it; larger than that path carries."""
_BUFFER_BYTES = 1 << 17
_LAYOUTS_LIMIT = 8


class Departure:
    """The last step before the sockets."""

    def __init__(self, context: PlaneContext) -> None:
        self._context = context
        self._sealed = memoryview(bytearray(_BUFFER_BYTES))
        self._clear = memoryview(bytearray(_BUFFER_BYTES))
        self._layouts: LayoutCache[tuple[int, int], SealedSlots] = LayoutCache(
            lambda shape: SealedSlots(self._sealed, self._clear, 0, *shape), _LAYOUTS_LIMIT
        )
        self.carried = Train(self._sealed, self.transmit)
        """FORWARD datagrams under way to their next carrier."""
        self._late = LateCopies()

    def flush(self, now: float) -> None:
        """Send what waits for a carrier."""
        self.carried.flush(now)

    def transmit(self, course: Course, train: memoryview, size: int, count: int, now: float) -> None:
        """Send `count` datagrams of a course, each `size` bytes after the one before; the last may be shorter."""
        peer = self._context.table.peers.get(course.peer)
        if peer is None:
            return
        way, wrap = course.way, course.wrap
        failure = 0
        if way.head:
            if count == 1 or not self._send_train_by_route(course, train, size, count, now):
                for at in range(0, len(train), size):
                    self._send_by_route(way, train[at : at + size], course.band, now)
        else:
            failure = self._context.sender.send_train(train, size, way.place, now)
        if course.twin is not None:
            for at in range(0, len(train), size):
                self._send_way(course.twin, train[at + wrap : at + size], course.band, now)
            self._context.tally.twins_out += count
        if course.late is not None:
            for at in range(0, len(train), size):
                self._late.hold(course.peer, course.late, course.band, train[at + wrap : at + size], now)
        peer.datagrams_out += count
        peer.owes_confirmation = False
        peer.keepalive_at = None
        peer.sent_since_tick = True
        if failure and course.is_best and now >= peer.refused_quiet_until:
            peer.refused_quiet_until = now + REFUSED_QUIET_SECONDS
            self._context.upcalls.add((PATH_REFUSED, peer.peer, failure))

    def send_late(self, now: float) -> None:
        """Send the copies whose time has come."""
        for copy in self._late.take_due(now):
            if copy.peer in self._context.table.peers:
                self._send_way(copy.way, memoryview(copy.datagram), copy.band, now)
                self._context.tally.late_copies_out += 1
        self.flush(now)

    def late_at(self) -> float:
        """When the next copy is to be sent; infinity where none waits."""
        return self._late.next_at()

    def send(self, place: Place, datagram: bytes | memoryview, band: int, now: float) -> int:
        """Send one datagram, sealed or not, to any place; 0, or an errno."""
        if not is_route(place):
            return self._context.sender.send(datagram, place)
        self._send_by_route(Way(place, PATH_MTU_MAXIMUM, self._context.node_id), datagram, band, now)
        self.flush(now)
        return 0

    def _send_way(self, way: Way, datagram: memoryview, band: int, now: float) -> None:
        if way.head:
            self._send_by_route(way, datagram, band, now)
        else:
            self._context.sender.send(datagram, way.place)

    def _send_by_route(self, way: Way, datagram: bytes | memoryview, band: int, now: float) -> None:
        tally = self._context.tally
        if not way.is_valid or not is_carriable(datagram[0]):
            tally.dropped_forward_invalid += 1
            return
        plaintext = b"".join((INNER.pack(Kind.FORWARD, band, 0, 0), way.head, datagram))
        failure = self.hand_on(way.carrier, memoryview(plaintext), now)
        if failure:
            tally.add("dropped_no_endpoint" if failure == NO_WAY else failure)

    def _send_train_by_route(self, course: Course, train: memoryview, size: int, count: int, now: float) -> bool:
        """Wrap and seal a train at once for its carrier; False where it must be done datagram by datagram."""
        way = course.way
        hop = self.hop_to(way.carrier, now) if way.is_valid else None
        prefix = INNER.pack(Kind.FORWARD, course.band, 0, 0) + way.head
        outer = len(prefix) + size + SEAL_BYTES
        if hop is None or outer > hop[0].mtu:
            return False
        first, session = hop
        slots = self._layouts.get((outer, first.wrap))
        if count > slots.count:
            return False
        self.flush(now)
        plain = b"".join([part for at in range(0, len(train), size) for part in (prefix, train[at : at + size])])
        self._clear[: len(plain)] = plain
        run = Run(slots, count, len(plain) - (count - 1) * slots.stride)
        end = session.seal_run(run, self._sealed, first.way.channel)
        self.send_run(first, self._sealed[:end], slots.step, now)
        return True

    def hand_on(self, node_id: bytes, plaintext: memoryview, now: float) -> str:
        """Seal a FORWARD, inner header and all, for the member that is to have it next; "", or what to count."""
        hop = self.hop_to(node_id, now)
        if hop is None:
            return NO_WAY
        course, session = hop
        if len(plaintext) + SEAL_BYTES > course.mtu:
            return TOO_LONG
        self.carried.append(course, session, plaintext, now)
        return ""

    def hop_to(self, node_id: bytes, now: float) -> tuple[Course, SealedSession] | None:
        """How a member is sent what is carried, if it can be."""
        peer = self._context.table.by_node.get(node_id)
        course = None if peer is None or peer.courses is None else peer.courses.hop
        session = None if peer is None else peer.usable_session(now)
        return None if course is None or session is None else (course, session)

    def send_run(self, course: Course, sealed: memoryview, size: int, now: float) -> None:
        """Send datagrams that were sealed one `size` after the other, in as few trains as there can be."""
        step = min(TRAIN_DATAGRAMS_LIMIT, TRAIN_BYTES_LIMIT // size) * size
        for at in range(0, len(sealed), step):
            train = sealed[at : at + step]
            self.transmit(course, train, size, -(-len(train) // size), now)
