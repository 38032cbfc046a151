# -*- test-case-name: zerogo.test.controller.test_rate_limits -*-
"""How many requests a second one network of origin, and one caller, may make: token buckets, in bounded memory.

What was quiet longest is forgotten first; it is a full bucket again then, so forgetting favours nobody who is not
quiet anyway.

Several controllers of one database share their buckets: what was taken out of one at another controller (`spent`) is
taken out here too (`heard`), half a second late, and a bucket may owe as much as it holds. So over seconds the rate is
that of one controller, however the requests are spread; a burst may once be had at each.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define

from zerogo.control.fellow_words import LIMITS_LIMIT

RATE = 300.0
"""Requests a second, for long."""
BURST = 600.0
ENTRIES_LIMIT = 10_000
TOLD_LEAST = 5
"""Requests between two words: who makes fewer is far from any limit, and nobody is told."""


@define
class _Bucket:
    level: float
    at: float
    spent: int = 0
    """Here, since that was told."""


class RateLimits:
    """Buckets by key; `now` is monotonic seconds."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, now: float) -> float:
        """Count a request: 0 where it may be made, else the seconds until one may."""
        bucket = self._filled(key, now)
        if bucket.level >= 1.0:
            bucket.level -= 1.0
            bucket.spent += 1
            return 0.0
        return (1.0 - bucket.level) / self._rate

    def spent(self, since: float) -> dict[str, int]:
        """What was taken here, by key, since this was asked last; that was at `since`."""
        found: dict[str, int] = {}
        for key, bucket in reversed(self._buckets.items()):
            if bucket.at < since or len(found) == LIMITS_LIMIT:
                break
            if bucket.spent >= TOLD_LEAST:
                found[key] = bucket.spent
            bucket.spent = 0
        return found

    def heard(self, counts: Mapping[str, int], now: float) -> None:
        """What was taken at another controller."""
        for key, count in counts.items():
            bucket = self._filled(key, now)
            bucket.level = max(-self._burst, bucket.level - count)

    def _filled(self, key: str, now: float) -> _Bucket:
        """The bucket as it is at this moment."""
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > ENTRIES_LIMIT:
            del self._buckets[next(iter(self._buckets))]
        return bucket
