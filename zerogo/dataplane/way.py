# -*- test-case-name: zerogo.test.dataplane.test_way -*-
"""Ways to a peer, and the courses that its datagrams take: by a way, perhaps by its twin too, and once more later.

A plan becomes courses when it is set, so that a frame finds its own by its band and, where flows are spread, its hash.
"""

from __future__ import annotations

from zerogo.dataplane.band import flow_hash
from zerogo.dataplane.place import CHANNEL, CHANNEL_HEADER_BYTES, Place, is_route
from zerogo.wire.route import ROUTE_LONGEST, ROUTE_SHORTEST
from zerogo.wire.transport import Band

PATH_MTU_MINIMUM = 640
"""Largest UDP payload is taken to be at least this; smaller claims would make runs of too many segments."""
PATH_MTU_MAXIMUM = 65507
Claim = tuple[Place, int]
"""A place and the MTU there, bytes."""
Plan = tuple[Claim, Claim | None, tuple[Claim, ...], Claim | None, Claim | None]
"""Best, twin, those that flows are spread over, that of late copies, that of FORWARD."""


class Way:
    """One way to a place. A route has its members, ourselves first."""

    __slots__ = ("channel", "is_valid", "mtu", "place", "route")

    def __init__(self, place: Place, mtu: int, own_id: bytes) -> None:
        self.place = place
        self.mtu = min(max(mtu, PATH_MTU_MINIMUM), PATH_MTU_MAXIMUM)
        self.channel: int = place[1] if place[0] == CHANNEL else 0
        self.route: tuple[bytes, ...] = (own_id, *place[1:]) if is_route(place) else ()
        count = len(self.route)
        is_distinct = len({*self.route}) == count
        self.is_valid = not count or (ROUTE_SHORTEST <= count <= ROUTE_LONGEST and is_distinct)


Beside = tuple[Way | None, Way | None]
"""Where copies go at once, and later."""
_ALONE: Beside = (None, None)


class Course:
    """How some of a peer's datagrams go. What is sealed for it fits all its ways."""

    __slots__ = ("band", "is_best", "late", "mtu", "peer", "twin", "way", "wrap")

    def __init__(self, peer: int, way: Way, beside: Beside, band: int, is_best: bool) -> None:
        twin, self.late = beside
        self.peer = peer
        self.way = way
        self.twin = twin if twin is not None and twin.place != way.place else None
        self.mtu = min(each.mtu for each in (way, self.twin, self.late) if each is not None)
        self.band = band
        """Of all that takes it, where that must be told (on routes); else of any."""
        self.wrap = CHANNEL_HEADER_BYTES if way.channel else 0
        """Bytes before each sealed datagram, for the ChannelData header."""
        self.is_best = is_best


class Courses:
    """All courses of one peer."""

    __slots__ = ("by_band", "hop", "places")

    def __init__(self, peer: int, plan: Plan, own_id: bytes) -> None:
        best, twin, spread, late, hop = plan
        ways = [Way(place, mtu, own_id) for place, mtu in (best, *spread)]
        beside = (None if twin is None else Way(*twin, own_id), None if late is None else Way(*late, own_id))
        self.by_band = _by_band(peer, ways, beside)
        known = ways[:1] + [way for way in beside if way is not None] + ways[1:]
        carrying = [] if hop is None else [Way(*hop, own_id)]
        self.places = [way.place for way in (*known, *carrying)]
        """Where authentic datagrams of the peer may come from without having roamed."""
        first = next((way for way in (*carrying, *known) if not way.route), None)
        self.hop = None if first is None else Course(peer, first, _ALONE, Band.BULK, first is ways[0])
        """How it is sent what others' datagrams, or ours for others, are wrapped in: never by a route."""

    def of(self, band: int, frame: memoryview, network: int, size: int) -> Course:
        """That of a frame of `size` bytes whose IP header begins at `network`, 0 where it has none."""
        courses = self.by_band[band]
        return courses[0] if len(courses) == 1 else courses[flow_hash(frame, network, size) % len(courses)]


def _by_band(peer: int, ways: list[Way], beside: Beside) -> list[list[Course]]:
    rows = []
    for band in (Band.CONTROL, Band.REALTIME, Band.BULK):
        row = []
        for number, way in enumerate(ways[:1] if band is Band.CONTROL else ways):
            row.append(Course(peer, way, beside if band is Band.REALTIME else _ALONE, int(band), number == 0))
        rows.append(row)
    if beside == _ALONE and not any(way.route for way in ways):
        # Nobody needs to be told the bands apart: frames of all of them may share a train.
        rows[Band.REALTIME] = rows[Band.BULK]
        rows[Band.CONTROL] = rows[Band.BULK][:1]
    return rows
