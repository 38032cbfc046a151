# -*- test-case-name: zerogo.test.controller.test_rate_limits -*-
"""How many requests a second one network of origin, and one caller, may make: token buckets, in bounded memory.

What was quiet longest is forgotten first; it is a full bucket again then, so forgetting favours nobody who is not
quiet anyway.
"""

from __future__ import annotations

from attrs import define

RATE = 300.0
"""Requests a second, for long."""
BURST = 600.0
ENTRIES_LIMIT = 10_000


@define
class _Bucket:
    level: float
    at: float


class RateLimits:
    """Buckets by key; `now` is monotonic seconds."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, now: float) -> float:
        """Count a request: 0 where it may be made, else the seconds until one may."""
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > ENTRIES_LIMIT:
            del self._buckets[next(iter(self._buckets))]
        if bucket.level >= 1.0:
            bucket.level -= 1.0
            return 0.0
        return (1.0 - bucket.level) / self._rate
