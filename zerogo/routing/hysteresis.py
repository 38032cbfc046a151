# -*- test-case-name: zerogo.test.routing.test_hysteresis -*-
"""Which of a peer's paths is used: the best one, left at once when it is dead, and not for every millisecond.

Usable paths are ordered by `zerogo.routing.score.rank`. While the path in use is usable, another one takes its place
only when it has been cheaper by 15 % of the cost of the one in use, and by 5 ms at least, for 3 seconds on end, and
when `damping` allows it. Where that holds back the best one for failing often, the best of those that do not fail often
may do so meanwhile. Between paths of one score that are not of one type the type decides instead of the cost.
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
    UNPROVEN = "the path before was not proven in time"
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
    _better_since: dict[Key, float] = field(factory=dict, init=False)
    _damping: Damping[Key] = field(factory=Damping, init=False)

    def choose(
        self, options: Sequence[Option[Key]], now: float, *, gone: ChangeReason = ChangeReason.DIED
    ) -> Key | None:
        """The path to use from now on out of the usable ones; None where there is none.

        :param gone: why the path in use is not one of them, where it is not.
        """
        best = min(options, key=lambda option: option.rank, default=None)
        active = next((option for option in options if option.key == self.active), None)
        if best is None:
            self._change(None, ChangeReason.LOST, now)
        elif active is None:
            self._change(best.key, ChangeReason.FIRST if self.active is None else gone, now)
        else:
            self._meet(active, self._rivals(active, best, options), now)
        return self.active

    def force(self, key: Key | None, now: float, reason: ChangeReason = ChangeReason.DECIDED) -> None:
        """Use this path, whatever it is worth."""
        self._change(key, ChangeReason.LOST if key is None else reason, now)

    def forgive(self) -> None:
        """The network is another one: what came and went in the old one, or was better there, says nothing."""
        self._damping, self.rival = Damping(), None
        self._better_since.clear()

    def next_at(self) -> float | None:
        """When a rival has been better for long enough, and nothing holds it back; None where there is none."""
        return None if self.rival is None else self._wins_at

    def _rivals(self, active: Option[Key], best: Option[Key], options: Sequence[Option[Key]]) -> list[Option[Key]]:
        """What is much better than the path in use: the best, and the best that does not fail often."""
        if best.key == active.key:
            return []
        rivals = [best]
        if self._damping.proof_seconds(best.key):
            steady = (each for each in options if not self._damping.proof_seconds(each.key) and each.rank < active.rank)
            second = min(steady, key=lambda option: option.rank, default=None)
            rivals += [] if second is None else [second]
        return [each for each in rivals if is_much_better(active, each)]

    def _meet(self, active: Option[Key], rivals: list[Option[Key]], now: float) -> None:
        """Use the first of the rivals that has been better for long enough; else note which of them may be so first."""
        self._better_since = {each.key: self._better_since.get(each.key, now) for each in rivals}
        wins = [(self._wins_at_of(each.key, active), each.key) for each in rivals]
        won = next((key for at, key in wins if at <= now), None)
        if won is not None:
            self._change(won, ChangeReason.BETTER, now)
        elif wins:
            self._wins_at, self.rival = min(wins, key=lambda win: win[0])
        else:
            self.rival = None

    def _wins_at_of(self, key: Key, active: Option[Key]) -> float:
        since = self._better_since[key]
        if not active.is_proven:
            return since + HELD_FOR_SECONDS
        proven_at = since + max(HELD_FOR_SECONDS, self._damping.proof_seconds(key))
        return max(proven_at, self._damping.allowed_at())

    def _change(self, key: Key | None, reason: ChangeReason, now: float) -> None:
        self.rival = None
        self._better_since.clear()
        if key == self.active:
            return
        if self.active is not None and reason in (ChangeReason.DIED, ChangeReason.DECIDED):
            self._damping.failed(self.active, now)
        if key is not None:
            self._damping.taken(key, now, is_better=reason is ChangeReason.BETTER)
        self.active, self.reason, self.changed_at = key, reason, now


def is_much_better(active: Option[Key], best: Option[Key]) -> bool:
    """Whether an option that ranks above the one in use is worth a change."""
    if active.is_proven != best.is_proven or active.tier != best.tier:
        return True
    if active.score.points == best.score.points and active.facts.type != best.facts.type:
        return True
    gain = active.score.cost - best.score.cost
    return gain >= max(BETTER_BY_SHARE * active.score.cost, BETTER_BY_MILLISECONDS)
