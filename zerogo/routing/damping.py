# -*- test-case-name: zerogo.test.routing.test_damping -*-
"""How often a peer's path may change for the better: links that come and go are held back.

A path that failed is left at once, always; what can be held back is the way to a better one. It takes place only while
there were fewer than two of its kind in the last minute. A path that fails once in ten minutes is returned to as soon
as hysteresis allows. One that fails again must have been better for a minute on end to be returned to; and one that
fails within a minute after that, *flaps*, four times as long each further time, eight minutes at most. It is forgiven
after it was used for ten minutes.

A path that was taken again for want of another, within 3 seconds of its failure, and failed again, has not come back in
between: that is one failure, but one that goes on for longer than these 3 seconds is more. All paths of a pair may miss
an answer at one moment because a machine is busy.

So a link that comes and goes makes three changes in its first minute: it is left, returned to, and left, of which the
first and last must be at once and nobody can know better in between. After that each minute has two changes at most: a
return comes a minute after the failure before it. One whose good times are short is left alone.
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
PROOF_SECONDS = 60.0
"""No less than the window: a failure, the return, and the next failure are then never in one."""
LONGEST_PROOF_SECONDS = 480.0
SAME_FAILURE_SECONDS = 3.0
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
    failed_at: float = -math.inf
    fails_often: bool = False
    """Whether its last failure was not the only one in ten minutes, or soon after a return."""


@define(eq=False)
class Damping(Generic[Key]):
    """One peer's. Paths are known by a key that outlives them."""

    _changes: deque[float] = field(factory=lambda: deque(maxlen=CHANGES_PER_WINDOW), init=False)
    _records: dict[Key, _Record] = field(factory=dict, init=False)

    def proof_seconds(self, key: Key) -> float:
        """How long a path must have been better on end; 0 where it does not fail often."""
        record = self._records.get(key)
        if record is None or not record.fails_often:
            return 0.0
        return min(PROOF_SECONDS * 4.0 ** max(0, record.flaps - 1), LONGEST_PROOF_SECONDS)

    def allowed_at(self) -> float:
        """From when on any better path may be taken; minus infinity where it may at any time."""
        is_full = len(self._changes) == CHANGES_PER_WINDOW
        return self._changes[0] + WINDOW_SECONDS if is_full else -math.inf

    def failed(self, old: Key, now: float) -> None:
        """The path in use failed."""
        record = self._record(old)
        used_for = now - record.returned_at
        if used_for == math.inf and now - record.failed_at < SAME_FAILURE_SECONDS:
            return
        has_flapped = used_for < FLAP_WITHIN_SECONDS
        if used_for >= FORGIVEN_AFTER_SECONDS:
            record.flaps = 0
        if has_flapped:
            record.flaps = min(record.flaps + 1, MOST_FLAPS)
        record.fails_often = has_flapped or now - record.failed_at < FORGIVEN_AFTER_SECONDS
        record.failed_at = now

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
