# -*- test-case-name: zerogo.test.net.test_timeouts -*-
"""Many deadlines that lie equally far ahead, with one delayed call for all of them.

A connection through a gateway has four time limits, nearly all of which are called off. Each as a delayed call of its
own costs more than reading from a socket; here it costs a dictionary's entry. What is added later is due later, so the
first entry is always the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zerogo.net.pump import guarded

Item = TypeVar("Item", bound=Hashable)


class Timeouts(Generic[Item]):
    """What is added is given to `due` after `seconds`, unless it was discarded before."""

    def __init__(self, clock: IReactorTime, seconds: float, due: Callable[[Item], object]) -> None:
        self.clock = clock
        self._seconds = seconds
        self._due = due
        self._ends: dict[Item, float] = {}
        self._call: IDelayedCall | None = None
        self._is_looking = False

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, item: Item) -> None:
        """From now on; what is there already begins anew."""
        self._ends.pop(item, None)
        self._ends[item] = self.clock.seconds() + self._seconds
        # While items are given to `due`, the next look has to be at the first entry, which may not be this one.
        if self._call is None and not self._is_looking:
            self._call = self.clock.callLater(self._seconds, self._look)

    def discard(self, item: Item) -> None:
        """Called off, whether it was there or not."""
        self._ends.pop(item, None)

    def stop(self) -> None:
        """Call off everything."""
        self._ends.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call, self._is_looking = None, True
        now = self.clock.seconds()
        while self._ends:
            item, at = next(iter(self._ends.items()))
            if at > now:
                break
            del self._ends[item]
            guarded("a time limit", self._due, item)
        self._is_looking = False
        if self._ends:
            first = next(iter(self._ends.values()))
            self._call = self.clock.callLater(max(0.0, first - now), self._look)
