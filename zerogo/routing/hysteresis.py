# -*- test-case-name: zerogo.test.routing.test_hysteresis -*-
"""Which of a peer's paths is used: the best one, left at once when it is dead, and not for every millisecond.

Usable paths are ordered by `zerogo.routing.score.rank`. While the path in use is usable, another one takes its place
only when it has been cheaper by 15 % of the cost of the one in use, and by 5 ms at least, for 3 seconds on end, and
when `damping` allows it. Between paths of one score that are not of one type the type decides instead of the cost.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from attrs import define, field, frozen

from zerogo.routing.damping import Damping
from zerogo.routing.score import Facts, Rank, Score, rank

BETTER_BY_SHARE = 0.15
BETTER_BY_MILLISECONDS = 5.0
HELD_FOR_SECONDS = 3.0

Key = TypeVar("Key", bound=Hashable)


class ChangeReason(enum.StrEnum):
    """Why the path in use is another one; for people."""

    FIRST = "first path"
    DIED = "the path before stopped answering"
    BETTER = "better for 3 seconds"
    DECIDED = "the path before missed an answer"
    UPGRADED = "a direct path was proven"
    SETTLED = "the best that answered after a failure"
    TESTED = "a test of the relay"
    LOST = "no path is left"


@frozen(kw_only=True)
class Option(Generic[Key]):
    """One usable path."""

    key: Key
    facts: Facts
    score: Score
    is_proven: bool = True
    """Whether a probe was answered on it; one that is not comes after all that are."""
    tier: int = 0
    """Options of a lower one win, whatever they are worth."""

    @property
    def rank(self) -> tuple[bool, int, Rank]:
        """What options are ordered by."""
        return (not self.is_proven, self.tier, rank(self.facts, self.score))


@define(eq=False)
class Preference(Generic[Key]):
    """Remembers the path in use, since when another one was better, and how often they changed."""

    active: Key | None = None
    reason: ChangeReason = ChangeReason.LOST
    """Of the last change."""
    changed_at: float = -math.inf
    rival: Key | None = field(default=None, init=False)
    """What is better than the path in use, but not for long enough yet."""
    _wins_at: float = field(default=0.0, init=False)
    """When the rival takes its place, if it stays better."""
    _rival_since: float = field(default=0.0, init=False)
    _damping: Damping[Key] = field(factory=Damping, init=False)

    def choose(self, options: Sequence[Option[Key]], now: float) -> Key | None:
        """The path to use from now on out of the usable ones; None where there is none."""
        best = min(options, key=lambda option: option.rank, default=None)
        active = next((option for option in options if option.key == self.active), None)
        if best is None:
            self._change(None, ChangeReason.LOST, now)
        elif active is None:
            self._change(best.key, ChangeReason.FIRST if self.active is None else ChangeReason.DIED, now)
        elif self._has_won(active, best, now):
            self._change(best.key, ChangeReason.BETTER, now)
        return self.active

    def force(self, key: Key | None, now: float, reason: ChangeReason = ChangeReason.DECIDED) -> None:
        """Use this path, whatever it is worth."""
        self._change(key, ChangeReason.LOST if key is None else reason, now)

    def forgive(self) -> None:
        """The network is another one: what came and went in the old one, or was better there, says nothing."""
        self._damping, self.rival = Damping(), None

    def next_at(self) -> float | None:
        """When a rival has been better for long enough, and nothing holds it back; None where there is none."""
        return None if self.rival is None else self._wins_at

    def _has_won(self, active: Option[Key], best: Option[Key], now: float) -> bool:
        if best.key == active.key or not _is_much_better(active, best):
            self.rival = None
            return False
        if self.rival != best.key:
            self.rival, self._rival_since = best.key, now
        self._wins_at = self._rival_since + HELD_FOR_SECONDS
        if active.is_proven:
            proven_at = self._rival_since + self._damping.proof_seconds(best.key)
            self._wins_at = max(self._wins_at, proven_at, self._damping.allowed_at())
        return now >= self._wins_at

    def _change(self, key: Key | None, reason: ChangeReason, now: float) -> None:
        self.rival = None
        if key == self.active:
            return
        if self.active is not None and reason in (ChangeReason.DIED, ChangeReason.DECIDED):
            self._damping.failed(self.active, now)
        if key is not None:
            self._damping.taken(key, now, is_better=reason is ChangeReason.BETTER)
        self.active, self.reason, self.changed_at = key, reason, now


def _is_much_better(active: Option[Key], best: Option[Key]) -> bool:
    if active.is_proven != best.is_proven or active.tier != best.tier:
        return True
    if active.score.points == best.score.points and active.facts.type != best.facts.type:
        return True
    gain = active.score.cost - best.score.cost
    return gain >= max(BETTER_BY_SHARE * active.score.cost, BETTER_BY_MILLISECONDS)
