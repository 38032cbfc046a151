# -*- test-case-name: zerogo.test.ice.test_selection -*-
"""Which of the valid pairs is the best, and when to change over: the first that works is never final.

The score of a pair is its smallest recent round trip in milliseconds, with allowances for what a round trip does not
show, and with a penalty for checks without an answer; the lowest is the best. For 2 s after a pair has come up, pairs
are compared closely. After that another pair has to be better by 15 % and at least 5 ms, for 3 s, so that jitter alone
changes nothing. A pair that has not answered twice in a row gives way at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.ice.candidate import CandidateKind
from zerogo.ice.checklist import Base, CandidatePair

COMPARE_SECONDS = 2.0
HOLD_SECONDS = 3.0
CLOSE_MARGIN = 1.0
MARGIN = 5.0
MARGIN_FRACTION = 0.15
UNANSWERED_LIMIT = 2

_LOCAL_NETWORK = -5.0
_IPV6 = -3.0
_RELAY = 12.0
_UNANSWERED = 100.0


def score(pair: CandidatePair) -> float:
    """Lower is better; milliseconds."""
    kinds = (pair.local_kind, pair.remote.kind)
    value = pair.rtt * 1000
    if kinds == (CandidateKind.HOST, CandidateKind.HOST):
        value += _LOCAL_NETWORK
    if CandidateKind.RELAY in kinds:
        value += _RELAY
    if pair.base is Base.IPV6:
        value += _IPV6
    if pair.unanswered >= UNANSWERED_LIMIT:
        value += _UNANSWERED * pair.unanswered
    return value


class Selection:
    """The choice of one agent and its hysteresis."""

    def __init__(self) -> None:
        self.selected: CandidatePair | None = None
        self._compare_until = 0.0
        self._challenger: CandidatePair | None = None
        self._challenged_at = 0.0

    def pair_came_up(self, now: float) -> None:
        """Compare closely for a while."""
        self._compare_until = now + COMPARE_SECONDS

    def choose(self, valid: Sequence[CandidatePair], now: float) -> CandidatePair | None:
        """The pair to use: the selected one, unless another is better by enough for long enough, or it is gone."""
        best = min(valid, key=score, default=None)
        if best is None or self.selected is None or not self.selected.is_valid:
            return best
        if best is self.selected or not self._is_better(best, self.selected, now):
            self._challenger = None
            return self.selected
        if now < self._compare_until or self.selected.unanswered >= UNANSWERED_LIMIT:
            return best
        if best is not self._challenger:
            self._challenger = best
            self._challenged_at = now
        return best if now - self._challenged_at >= HOLD_SECONDS else self.selected

    def _is_better(self, pair: CandidatePair, selected: CandidatePair, now: float) -> bool:
        margin = CLOSE_MARGIN if now < self._compare_until else max(MARGIN, MARGIN_FRACTION * selected.rtt * 1000)
        return score(pair) + margin < score(selected)
