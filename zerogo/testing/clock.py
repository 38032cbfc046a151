# -*- test-case-name: zerogo.test.testing.test_clock -*-
"""Virtual time: what happens when, in order, with nothing in between."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from zerogo.core import RandomBytes
from zerogo.errors import LocalError

EVENTS_LIMIT = 5_000_000
"""A simulation that runs longer is in a loop."""


class VirtualClock:
    """A queue of calls by time; calls of one moment happen in the order in which they were planned."""

    def __init__(self, now: float = 0.0) -> None:
        """`now` is the moment to begin at; cores must not care which it is."""
        self._now = now
        self._planned: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    @property
    def now(self) -> float:
        """Virtual monotonic seconds."""
        return self._now

    def call_at(self, at: float, function: Callable[[], object]) -> None:
        """Call `function` at that moment, or at once where that has passed."""
        self._count += 1
        if self._count > EVENTS_LIMIT:
            raise LocalError("the simulation does not come to an end")
        heapq.heappush(self._planned, (max(at, self._now), self._count, function))

    def call_later(self, delay: float, function: Callable[[], object]) -> None:
        """Call `function` in `delay` seconds."""
        self.call_at(self._now + delay, function)

    def run_until(self, end: float) -> None:
        """Let everything happen that is planned up to `end`, which then is now."""
        self.run_while(lambda: True, end)

    def run_for(self, duration: float) -> None:
        """Let `duration` seconds pass."""
        self.run_until(self._now + duration)

    def run_while(self, condition: Callable[[], bool], end: float) -> bool:
        """Let time pass while `condition()` holds, at most until `end`; whether it ceased to hold."""
        while condition():
            if not self._planned or self._planned[0][0] > end:
                self._now = max(self._now, end)
                return not condition()
            at, _, function = heapq.heappop(self._planned)
            self._now = at
            function()
        return True


def seeded_bytes(seed: object) -> RandomBytes:
    """A source of bytes that always gives the same ones for the same seed (anything with a stable text form)."""
    generator = random.Random(str(seed))  # noqa: S311 not for keys that guard anything
    return generator.randbytes
