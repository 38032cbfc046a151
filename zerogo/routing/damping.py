# -*- test-case-name: zerogo.test.routing.test_damping -*-
"""How often a peer's path may change for the better: links that come and go are held back.

A path that died is left at once, always; what can be held back is the way to a better one. It takes place only while
there were fewer than two of its kind in the last minute. A path that died within a minute after it was returned to has
*flapped*: nothing changes back to it for a minute after that, twice as long each further time, eight minutes at most.
It is forgiven after it was used for ten minutes. So a link that fails once is returned to as soon as hysteresis
allows, and one that oscillates for hours causes at most two changes a minute once it has flapped.
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
HOLD_SECONDS = 60.0
LONGEST_HOLD_SECONDS = 480.0
FORGIVEN_AFTER_SECONDS = 600.0
PATHS_REMEMBERED = 16
"""Whose flapping is known; beyond it the oldest is forgotten."""

Key = TypeVar("Key", bound=Hashable)


@define
class _Record:
    holds: int = 0
    held_until: float = -math.inf
    returned_at: float = -math.inf


@define(eq=False)
class Damping(Generic[Key]):
    """One peer's. Paths are known by a key that outlives them."""

    _changes: deque[float] = field(factory=lambda: deque(maxlen=CHANGES_PER_WINDOW), init=False)
    _records: dict[Key, _Record] = field(factory=dict, init=False)

    def may_change_to(self, key: Key, now: float) -> bool:
        """Whether a better path may be taken now."""
        return now >= self.allowed_at(key)

    def allowed_at(self, key: Key) -> float:
        """From when on a better path may be taken; minus infinity where nothing holds it back."""
        record = self._records.get(key)
        held_until = -math.inf if record is None else record.held_until
        is_full = len(self._changes) == CHANGES_PER_WINDOW
        return max(held_until, self._changes[0] + WINDOW_SECONDS) if is_full else held_until

    def left_dead(self, old: Key, now: float) -> None:
        """The path in use died."""
        record = self._record(old)
        used_for = now - record.returned_at
        if used_for >= FORGIVEN_AFTER_SECONDS:
            record.holds = 0
        if used_for < FLAP_WITHIN_SECONDS:
            record.held_until = now + min(HOLD_SECONDS * 2.0**record.holds, LONGEST_HOLD_SECONDS)
            record.holds = min(record.holds + 1, 4)

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
