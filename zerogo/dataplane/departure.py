# -*- test-case-name: zerogo.test.dataplane.test_departure -*-
"""How sealed datagrams leave: into a socket or channel, wrapped for a carrier, by two ways at once, and again later.

A datagram that goes by a route is put into a FORWARD for the first carrier, and joins a train to that one. Carriers put
what they carry for others into the same train (`zerogo.dataplane.carrying`).
"""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.late import LateCopies
from zerogo.dataplane.messages import PATH_REFUSED
from zerogo.dataplane.place import CHANNEL_HEADER, Place, is_route
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.transmit import TRAIN_BYTES_LIMIT, TRAIN_DATAGRAMS_LIMIT
from zerogo.dataplane.way import PATH_MTU_MAXIMUM, Course, Way
from zerogo.wire.route import emit_route, is_carriable, overhead_bytes, sealed_at
from zerogo.wire.transport import HEADER_BYTES, TAG_BYTES

REFUSED_QUIET_SECONDS = 1.0


class Departure:
    """The last step before the sockets."""

    def __init__(self, context: PlaneContext) -> None:
        self._context = context
        self._late = LateCopies()
        self._hop: Course | None = None
        self._slots: list[memoryview] = []

    def append(self, hop: Course, slot: memoryview, now: float) -> None:
        """Keep a FORWARD that is sealed with those before it, until `flush`; what it does not go with is sent first."""
        slots = self._slots
        is_next = hop is self._hop and len(slot) <= len(slots[-1]) == len(slots[0])
        if not is_next or len(slots) >= TRAIN_DATAGRAMS_LIMIT:
            self.flush(now)
            self._hop = hop
        self._slots.append(slot)

    def flush(self, now: float) -> None:
        """Send the FORWARDs that wait."""
        hop, slots = self._hop, self._slots
        self._hop, self._slots = None, []
        if hop is None:
            return
        step = len(slots[0]) + hop.wrap
        parts: list[bytes | memoryview] = [*slots]
        if hop.wrap:
            channel = hop.way.channel
            parts = [part for slot in slots for part in (CHANNEL_HEADER.pack(channel, len(slot)), slot)]
        self.send_run(hop, memoryview(b"".join(parts)), step, now)

    def transmit(self, course: Course, train: memoryview, size: int, count: int, now: float) -> None:
        """Send `count` datagrams of a course, each `size` bytes after the one before; the last may be shorter."""
        peer = self._context.table.peers.get(course.peer)
        if peer is None:
            return
        way, wrap = course.way, course.wrap
        failure = 0
        if way.route:
            self._send_by_route(way, [train[at : at + size] for at in range(0, len(train), size)], course.band, now)
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
        self._send_by_route(Way(place, PATH_MTU_MAXIMUM, self._context.node_id), [datagram], band, now)
        self.flush(now)
        return 0

    def _send_way(self, way: Way, datagram: memoryview, band: int, now: float) -> None:
        if way.route:
            self._send_by_route(way, [datagram], band, now)
        else:
            self._context.sender.send(datagram, way.place)

    def _send_by_route(self, way: Way, datagrams: Sequence[bytes | memoryview], band: int, now: float) -> None:
        """Send datagrams of one size, the last may be shorter, in a FORWARD each."""
        tally, first = self._context.tally, datagrams[0]
        hop = self.hop_to(way.route[1], now) if way.is_valid else None
        if not way.is_valid or not is_carriable(first[0], len(datagrams[-1])):
            tally.dropped_forward_invalid += len(datagrams)
        elif hop is None:
            tally.dropped_no_endpoint += len(datagrams)
        elif len(first) + overhead_bytes(len(way.route)) > hop[0].mtu:
            tally.dropped_forward_too_long += len(datagrams)
        else:
            course, session = hop
            route = emit_route(1, band, way.route)
            for each in datagrams:
                slot = memoryview(bytearray().join((each, each[:HEADER_BYTES], route, bytes(TAG_BYTES))))
                if session.seal_forward(slot, sealed_at(each[0], len(each))):
                    self.append(course, slot, now)

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
