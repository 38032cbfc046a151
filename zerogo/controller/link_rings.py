# -*- test-case-name: zerogo.test.controller.test_link_rings -*-
"""The course of links' figures, in rings of memory that have a bound.

`TIERS`: one value a second for an hour, kept only while somebody looks, and one in ten seconds for a day. A ring is an
array of floats that grows until it is full; where nothing was known there is NaN. Links that carry something push out
those that were quiet longest; there are at most `LINKS_LIMIT` (20 bytes a value: 245 kB a link after a day).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

from attrs import frozen

from zerogo.controller.link_book import Pair
from zerogo.ids import NetworkId

COLUMNS = ("rtt_ms", "jitter_ms", "loss", "received", "sent")
LINKS_LIMIT = 256
FINE_SECONDS = 7200.0
"""What is asked about a longer time is answered from the coarse tier alone."""


@frozen
class Tier:
    """One value in `step` seconds, `slots` of them."""

    step: int
    slots: int


@frozen
class Course:
    """What is known of a time: unix seconds, and a column for each of `COLUMNS`."""

    times: list[int]
    columns: list[list[float]]

    def with_means(self, means: Sequence[tuple[int, tuple[float, ...]]], step: int) -> Course:
        """With means of so many seconds where nothing finer is known."""
        covered = {time // step for time in self.times}
        rows = [(time, figures) for time, figures in means if time // step not in covered]
        if not rows:
            return self
        rows += zip(self.times, zip(*self.columns, strict=True), strict=True)
        rows.sort(key=lambda row: row[0])
        return Course(
            [time for time, _ in rows], [list(column) for column in zip(*(row[1] for row in rows), strict=True)]
        )


TIERS = (Tier(1, 3600), Tier(10, 8640))
Values = Sequence[float]
_NOTHING = [math.nan] * len(COLUMNS)


class Ring:
    """The last `slots` values; times are unix seconds."""

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self._values = array("f")
        self._first = 0
        """The slot, in steps since 1970, of the oldest value."""
        self._count = 0

    def put(self, unix_time: float, values: Values) -> None:
        """Note what is so at that time; a time before the newest is left out."""
        slot = int(unix_time // self.tier.step)
        if self._count and slot < self._first + self._count - 1:
            return
        if not self._count or slot - (self._first + self._count) >= self.tier.slots:
            self._values, self._first, self._count = array("f"), slot, 0
        while self._first + self._count <= slot:
            self._append(_NOTHING)
        self._set(slot, values)

    def read(self, begin: float, end: float) -> tuple[list[int], list[list[float]]]:
        """Times from `begin` to `end`, and a column for each of `COLUMNS`."""
        step, slots = self.tier.step, self.tier.slots
        low = max(self._first, math.ceil(begin / step))
        high = min(self._first + self._count - 1, math.floor(end / step))
        times = [slot * step for slot in range(low, high + 1)]
        width = len(COLUMNS)
        base = 0 if self._is_full else self._first
        starts = [((slot - base) % slots) * width for slot in range(low, high + 1)]
        return times, [[self._values[start + column] for start in starts] for column in range(width)]

    @property
    def _is_full(self) -> bool:
        return self._count >= self.tier.slots

    def _append(self, values: Values) -> None:
        if not self._is_full:
            self._values.extend(values)
            self._count += 1
            if self._is_full:
                self._turn()
            return
        self._first += 1
        self._set(self._first + self._count - 1, values)

    def _turn(self) -> None:
        """From now on a value's place follows from its slot."""
        width, slots = len(COLUMNS), self.tier.slots
        shift = (self._first % slots) * width
        if shift:
            self._values = self._values[-shift:] + self._values[:-shift]

    def _set(self, slot: int, values: Values) -> None:
        width = len(COLUMNS)
        start = (slot % self.tier.slots if self._is_full else slot - self._first) * width
        self._values[start : start + width] = array("f", values)


class LinkRings:
    """Rings of many links."""

    def __init__(self) -> None:
        self._rings: dict[tuple[NetworkId, Pair], list[Ring]] = {}

    def put(self, network: NetworkId, pair: Pair, unix_time: float, values: Values, tiers: Sequence[Tier]) -> None:
        """Note a link's figures in these tiers. Where there are too many links, the one that was quiet longest goes."""
        key = (network, pair)
        rings = self._rings.get(key)
        is_moving = values[3] > 0 or values[4] > 0
        if rings is None:
            if len(self._rings) >= LINKS_LIMIT:
                if not is_moving:
                    return
                del self._rings[next(iter(self._rings))]
            rings = self._rings[key] = [Ring(tier) for tier in TIERS]
        elif is_moving:
            self._rings[key] = self._rings.pop(key)
        for ring in rings:
            if ring.tier in tiers:
                ring.put(unix_time, values)

    def read(self, network: NetworkId, pair: Pair, begin: float, end: float) -> Course:
        """What is known from `begin` to `end`: every second where somebody looked, else every ten."""
        rings = self._rings.get((network, pair))
        if rings is None:
            return Course([], [[] for _ in COLUMNS])
        fine, coarse = (list(zip(*_rows(ring.read(begin, end)), strict=True)) for ring in rings)
        fine = [row for row in fine if not all(map(math.isnan, row[1:]))] if end - begin <= FINE_SECONDS else []
        covered = {row[0] // TIERS[1].step for row in fine}
        rows = sorted(fine + [row for row in coarse if row[0] // TIERS[1].step not in covered])
        columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(1 + len(COLUMNS))]
        return Course([int(each) for each in columns[0]], columns[1:])

    def means(self, begin: float, end: float) -> Iterator[tuple[NetworkId, Pair, tuple[float, ...]]]:
        """The mean of each link's figures from `begin` to before `end`, where something is known."""
        for (network, pair), rings in self._rings.items():
            _, columns = rings[-1].read(begin, end - 1)
            means = tuple(_mean(column) for column in columns)
            if not all(map(math.isnan, means)):
                yield network, pair, means


def _mean(column: Sequence[float]) -> float:
    known = [each for each in column if not math.isnan(each)]
    return sum(known) / len(known) if known else math.nan


def _rows(read: tuple[list[int], list[list[float]]]) -> list[list[float]]:
    return [[float(each) for each in read[0]], *read[1]]
