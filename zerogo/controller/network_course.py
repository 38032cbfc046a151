# -*- test-case-name: zerogo.test.controller.test_network_course -*-
"""How networks went in the last hour, in the numbers that people see first: one row of each in ten seconds.

Kept are networks that have links, for as long as they have them and an hour after.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable

import msgspec
from attrs import define, field, frozen

from zerogo.controller.link_book import Link, main_end
from zerogo.controller.link_documents import traffic
from zerogo.ids import NetworkId

ROWS_KEPT = 360
COLUMNS = ("online", "links", "direct", "rtt_ms", "bytes_per_second")
LINKS = COLUMNS.index("links")


@frozen
class NetworkRow:
    """A network at one moment."""

    at: int
    """Unix seconds."""
    figures: array[float]
    """One for each of `COLUMNS`; NaN: not known."""


@define
class _Sum:
    links: int = 0
    direct: int = 0
    bytes_per_second: float = 0.0
    round_trips: list[float] = field(factory=list)

    def add(self, link: Link) -> None:
        end = main_end(link)[1]
        self.links += 1
        self.direct += end.link.path == "direct"
        self.bytes_per_second += sum(traffic(link))
        if end.sample.rtt_ms is not None:
            self.round_trips.append(end.sample.rtt_ms)

    def row(self, at: int, online: int) -> NetworkRow:
        ordered = sorted(self.round_trips)
        median = ordered[len(ordered) // 2] if ordered else math.nan
        return NetworkRow(at, array("f", (online, self.links, self.direct, median, self.bytes_per_second)))


class NetworkCourses:
    """The last hour of all networks."""

    def __init__(self) -> None:
        self._rows: dict[NetworkId, deque[NetworkRow]] = {}

    def take(self, links: Iterable[Link], online: Callable[[NetworkId], int], now: float) -> None:
        """Note how all networks are: `links` are those of all of them, `online` counts a network's members."""
        sums: dict[NetworkId, _Sum] = {}
        for link in links:
            sums.setdefault(link.network, _Sum()).add(link)
        for network in dict.fromkeys([*self._rows, *sums]):
            rows = self._rows.setdefault(network, deque(maxlen=ROWS_KEPT))
            rows.append(sums.get(network, _Sum()).row(int(now), online(network)))
            if not any(row.figures[LINKS] for row in rows):
                del self._rows[network]

    def read(self, network: NetworkId) -> list[NetworkRow]:
        """What is known of a network, the oldest first."""
        return list(self._rows.get(network, ()))


class CourseDocument(msgspec.Struct, frozen=True):
    """How a network went, a column each; one row in ten seconds of the last hour. Without links there is nothing."""

    time: list[int]
    """Unix seconds."""
    online: list[int]
    """Members."""
    links: list[int]
    direct: list[int]
    rtt_ms: list[float | None]
    """The median of all links."""
    bytes_per_second: list[float]
    """Over all links, each counted once."""

    @classmethod
    def of(cls, rows: list[NetworkRow]) -> CourseDocument:
        """As kept."""
        online, links, direct, rtt_ms, rates = ([row.figures[place] for row in rows] for place in range(len(COLUMNS)))
        return cls(
            time=[row.at for row in rows],
            online=list(map(int, online)),
            links=list(map(int, links)),
            direct=list(map(int, direct)),
            rtt_ms=[None if math.isnan(each) else each for each in rtt_ms],
            bytes_per_second=rates,
        )
