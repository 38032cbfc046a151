# -*- test-case-name: zerogo.test.control.test_coordinator -*-
"""Who may open one more connection to the controller: strangers are counted by host and in all, arrivals by rate."""

from __future__ import annotations

from zerogo.control.connection import TokenBucket

UNPROVEN_LIMIT = 1024
"""Connections that have not shown a key, in all; the next is turned away."""
UNPROVEN_PER_SOURCE_LIMIT = 64
ARRIVALS_PER_SECOND, ARRIVALS_BURST = 20.0, 200.0
"""Connections that one host may open."""
ARRIVALS_LIMIT = 4096
"""Hosts whose connections are counted; the one that was quiet longest is forgotten."""


class Arrivals:
    """The counts. An origin is what `connection.origin_of` says."""

    def __init__(self) -> None:
        self._unproven: dict[str, int] = {}
        self._buckets: dict[str, TokenBucket] = {}

    def enter(self, origin: str, now: float) -> bool:
        """Whether one more may come in, which is unproven from then on until `prove`."""
        total = sum(self._unproven.values())
        if self._unproven.get(origin, 0) >= UNPROVEN_PER_SOURCE_LIMIT or total >= UNPROVEN_LIMIT:
            return False
        bucket = self._buckets.pop(origin, None) or TokenBucket(ARRIVALS_PER_SECOND, ARRIVALS_BURST, now)
        self._buckets[origin] = bucket
        if len(self._buckets) > ARRIVALS_LIMIT:
            del self._buckets[next(iter(self._buckets))]
        if not bucket.take(now):
            return False
        self._unproven[origin] = self._unproven.get(origin, 0) + 1
        return True

    def prove(self, origin: str) -> None:
        """One of this origin showed its key, or is gone."""
        left = self._unproven.get(origin, 0) - 1
        if left > 0:
            self._unproven[origin] = left
        else:
            self._unproven.pop(origin, None)
