# -*- test-case-name: zerogo.test.lab.test_series -*-
"""What a row of pings says: first answer, round-trip times, loss, and the longest silence. Pure; times in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from attrs import define, frozen

SAMPLE_LIMIT = 50_000
"""Pings remembered per pair; the oldest are forgotten first."""
LATE_SECONDS = 2.0
"""An answer that takes longer is none; until then a ping is not counted as lost."""


@define
class _Sample:
    sequence: int
    sent_at: float
    rtt: float | None = None


@frozen(kw_only=True)
class Figures:
    """Of the pings sent in a span of time; None where nothing was answered."""

    sent: int
    answered: int
    loss: float | None
    rtt_p50: float | None
    rtt_p99: float | None
    outage: float | None
    """The longest time in which no answer came, less the time between pings; None where none ever came."""


class Series:
    """The pings of one pair."""

    def __init__(self) -> None:
        self.first_answer_at: float | None = None
        """When the first answer ever came (seconds since 1970)."""
        self._samples: deque[_Sample] = deque(maxlen=SAMPLE_LIMIT)
        self._open: dict[int, _Sample] = {}

    def sent(self, sequence: int, at: float) -> None:
        """A ping went out."""
        sample = _Sample(sequence, at)
        self._samples.append(sample)
        self._open[sequence] = sample
        while len(self._open) > 1024:
            del self._open[next(iter(self._open))]

    def received(self, sequence: int, at: float) -> None:
        """Its answer came; a second one is ignored."""
        sample = self._open.pop(sequence, None)
        if sample is None or at - sample.sent_at > LATE_SECONDS:
            return
        sample.rtt = max(0.0, at - sample.sent_at)
        if self.first_answer_at is None:
            self.first_answer_at = at

    def figures(self, since: float, until: float) -> Figures:
        """Of the pings sent from `since` to `until`; of the latest, only those that were answered already."""
        samples = [
            sample
            for sample in tuple(self._samples)
            if since <= sample.sent_at <= until and (sample.rtt is not None or sample.sent_at <= until - LATE_SECONDS)
        ]
        times = sorted(sample.rtt for sample in samples if sample.rtt is not None)
        return Figures(
            sent=len(samples),
            answered=len(times),
            loss=1 - len(times) / len(samples) if samples else None,
            rtt_p50=percentile(times, 0.50),
            rtt_p99=percentile(times, 0.99),
            outage=self._outage(since, until),
        )

    def answers_since(self, since: float) -> int:
        """How many pings sent after `since` were answered."""
        return sum(1 for sample in tuple(self._samples) if sample.sent_at >= since and sample.rtt is not None)

    def _outage(self, since: float, until: float) -> float | None:
        """By when answers came: pings that wait somewhere and are answered all at once end a silence, and do not fill
        it. It begins with `since`, or with the first answer ever where that came later."""
        if self.first_answer_at is None or self.first_answer_at > until:
            return None
        samples = tuple(self._samples)
        begin = max(since, self.first_answer_at)
        arrivals = sorted(sample.sent_at + sample.rtt for sample in samples if sample.rtt is not None)
        moments = [begin, *(at for at in arrivals if begin < at < until), max(begin, until)]
        silence = max(after - before for before, after in pairwise(moments))
        sent = [sample.sent_at for sample in samples if since <= sample.sent_at <= until]
        spacing = sent[1] - sent[0] if len(sent) > 1 else 0.0
        return max(0.0, silence - spacing)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that `share` of the sorted values do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
