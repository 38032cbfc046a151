# -*- test-case-name: zerogo.test.routing.test_damping -*-
"""How often a peer's path may change for the better: links that come and go are held back.

A path that failed is left at once, always; what can be held back is the way to a better one. It takes place only while
there were fewer than two of its kind in the last minute. A path that failed within a minute after it was returned to
has *flapped*: from then on it must have been better for 15 seconds on end to be returned to, and four times as long
each further time, eight minutes at most. It is forgiven after it was used for ten minutes. So a link that fails once is
returned to as soon as hysteresis allows, one that flapped by chance after a quarter of a minute, and one that
oscillates is left alone as soon as its good times are too short.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import define, field

WINDOW_SECONDS = 60.0
CHANGES_PER_WINDOW = 2
FLAP_WITHIN_SECONDS = 60.0
PROOF_SECONDS = 15.0
LONGEST_PROOF_SECONDS = 480.0
MOST_FLAPS = 4
"""More make no difference."""
FORGIVEN_AFTER_SECONDS = 600.0
PATHS_REMEMBERED = 16
"""Whose flapping is known; beyond it the oldest is forgotten."""

Key = TypeVar("Key", bound=Hashable)


@define
class _Record:
    flaps: int = 0
    returned_at: float = -math.inf


@define(eq=False)
class Damping(Generic[Key]):
    """One peer's. Paths are known by a key that outlives them."""

    _changes: deque[float] = field(factory=lambda: deque(maxlen=CHANGES_PER_WINDOW), init=False)
    _records: dict[Key, _Record] = field(factory=dict, init=False)

    def proof_seconds(self, key: Key) -> float:
        """How long a path must have been better on end; 0 where it has not flapped."""
        record = self._records.get(key)
        if record is None or not record.flaps:
            return 0.0
        return min(PROOF_SECONDS * 4.0 ** (record.flaps - 1), LONGEST_PROOF_SECONDS)

    def allowed_at(self) -> float:
        """From when on any better path may be taken; minus infinity where it may at any time."""
        is_full = len(self._changes) == CHANGES_PER_WINDOW
        return self._changes[0] + WINDOW_SECONDS if is_full else -math.inf

    def failed(self, old: Key, now: float) -> None:
        """The path in use failed."""
        record = self._record(old)
        used_for = now - record.returned_at
        if used_for >= FORGIVEN_AFTER_SECONDS:
            record.flaps = 0
        if used_for < FLAP_WITHIN_SECONDS:
            record.flaps = min(record.flaps + 1, MOST_FLAPS)

    def taken(self, new: Key, now: float, *, is_better: bool) -> None:
        """A path came into use: because it was better than one that lives, or for want of another."""
        if is_better:
            self._changes.append(now)
        self._record(new).returned_at = now if is_better else -math.inf

    def _record(self, key: Key) -> _Record:
        record = self._records.pop(key, None) or _Record()
        self._records[key] = record
        while len(self._records) > PATHS_REMEMBERED:
            del self._records[next(iter(self._records))]
        return record
