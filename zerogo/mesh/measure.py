# -*- test-case-name: zerogo.test.mesh.test_measure -*-
"""What is known of a path from its probes: round-trip time, its minimum, jitter, loss. Measurement only, no choice.

Smoothing follows RFC 6298 section 2 (SRTT, RTTVAR); jitter is the smoothed difference of neighbouring round trips, as
RFC 3550 section 6.4.1 does for transit times. Loss is the share of unanswered ones among the last 32 probes whose fate
is known; those of a silence that was long enough to be a death are left out once the path is back. What competes with
the path in use is judged by the last 256 as well: a path that always loses one in ten loses no more than two of every
third 32, and would be taken for a good one again and again. The minimum is taken over the last 10 to 20 seconds, so
that it forgets a path that became longer.
"""

from __future__ import annotations

import math

from attrs import define

FATES_REMEMBERED = 32
LONG_MEMORY = 256
"""Fates that `most_loss` looks at beside those; of a young path, the ones that are missing count as answers."""
MINIMUM_WINDOW_SECONDS = 10.0
LEAST_TIMEOUT_SECONDS = 0.15
FIRST_TIMEOUT_SECONDS = 0.5
"""Wait for an answer on a path that was never measured."""
LARGEST_TIMEOUT_SECONDS = 3.0
LATE_MARGIN_SECONDS = 0.03
"""More than a machine with some work takes longer to answer than it did."""
DEAD_CHANCE = 0.001
"""A path is given up when so many probes in a row were lost as a living path would lose with this chance."""
LEAST_PROBES_UNTIL_DEAD = 3
MOST_PROBES_UNTIL_DEAD = 10
_FATES_TO_JUDGE = 8
_PROBES_UNTIL_JUDGED = 6
"""Lost in a row on a path of which too little is known to tell loss from death."""


@define
class Measurement:
    """Fed with the fates of probes; all times in seconds, None until the first answer."""

    smoothed: float | None = None
    variation: float = 0.0
    jitter: float | None = None
    unanswered: int = 0
    """Probes lost since the last answer."""
    _last: float | None = None
    _minimum: float | None = None
    _older_minimum: float | None = None
    _window_ends_at: float = -math.inf
    _fates: int = 0
    _fates_known: int = 0

    @property
    def minimum(self) -> float | None:
        """The least round-trip time lately."""
        if self._minimum is None or self._older_minimum is None:
            return self._minimum
        return min(self._minimum, self._older_minimum)

    @property
    def queueing(self) -> float:
        """How much longer than the least of lately the last round trip took: what waits in queues on the way."""
        return 0.0 if self._last is None or self.minimum is None else max(0.0, self._last - self.minimum)

    @property
    def inflation(self) -> float:
        """How much longer than the least of lately a round trip takes on average."""
        return 0.0 if self.smoothed is None or self.minimum is None else self.smoothed - self.minimum

    @property
    def loss(self) -> float:
        """Share of the last probes that were lost, 0 to 1; 0 while nothing is known."""
        lost, known = self._lately()
        return lost / known if known else 0.0

    @property
    def certain_loss(self) -> float:
        """The same with one of the lost ones taken for bad luck: one in 32 would look like 3 %."""
        lost, known = self._lately()
        return max(0, lost - 1) / known if known else 0.0

    @property
    def least_loss(self) -> float:
        """The same with as many of the lost ones taken for bad luck as chance alone often makes."""
        lost, known = self._lately()
        return (lost - math.sqrt(lost)) / known if known else 0.0

    @property
    def most_loss(self) -> float:
        """What `certain_loss` is at most, if chance was kind to the path, lately or for long."""
        lost, known = self._lately()
        lately = _unlucky(lost) / known if known else 0.0
        return max(lately, _unlucky(self._fates.bit_count()) / LONG_MEMORY)

    @property
    def timeout(self) -> float:
        """How long to wait for the answer to a probe before it counts as lost."""
        if self.smoothed is None:
            return FIRST_TIMEOUT_SECONDS
        expected = self.smoothed + 4 * self.variation
        return min(max(expected, 1.5 * self.smoothed, LEAST_TIMEOUT_SECONDS), LARGEST_TIMEOUT_SECONDS)

    @property
    def late_after(self) -> float:
        """When the answer to a probe is overdue, though it may still come: no loss yet, but a reason to ask around."""
        if self.smoothed is None:
            return FIRST_TIMEOUT_SECONDS
        return min(self.smoothed + max(4 * self.variation, LATE_MARGIN_SECONDS), self.timeout)

    @property
    def probes_until_dead(self) -> int:
        """How many lost probes in a row mean that the path is dead and not only lossy."""
        if min(self._fates_known, FATES_REMEMBERED) - self.unanswered < _FATES_TO_JUDGE:
            return _PROBES_UNTIL_JUDGED
        before = self._loss_before_silence()
        if before <= 0.0:
            return LEAST_PROBES_UNTIL_DEAD
        if before >= 1.0:
            return MOST_PROBES_UNTIL_DEAD
        needed = math.ceil(math.log(DEAD_CHANCE) / math.log(before))
        return min(max(needed, LEAST_PROBES_UNTIL_DEAD), MOST_PROBES_UNTIL_DEAD)

    @property
    def was_clean(self) -> bool:
        """Whether no probe was lost lately but those of the silence that lasts."""
        return self._loss_before_silence() <= 0.0

    def hint(self, round_trip: float) -> None:
        """Start from a round-trip time that something else measured, until the first answer to a probe."""
        if self.smoothed is None:
            self.smoothed, self.variation = round_trip, round_trip / 2

    def answered(self, round_trip: float, now: float) -> None:
        """A probe was answered after `round_trip` seconds."""
        self._smooth(round_trip)
        if self._last is not None:
            change = abs(round_trip - self._last)
            self.jitter = change if self.jitter is None else self.jitter + (change - self.jitter) / 16
        self._last = round_trip
        self._lower_minimum(round_trip, now)
        self.silence_is_over()
        self._remember(was_lost=False)

    def lost(self) -> None:
        """A probe was not answered in time."""
        self.unanswered += 1
        self._remember(was_lost=True)

    def silence_is_over(self, *, was_dead: bool = False) -> None:
        """The path carries again: what got lost while it was dead says nothing about its loss while it lives.

        :param was_dead: whether that is known; else so many probes in a row as make a death are taken for one.
        """
        if self.unanswered >= FATES_REMEMBERED:
            self._fates = self._fates_known = 0
        elif was_dead or self.unanswered >= self.probes_until_dead:
            self._fates >>= self.unanswered
            self._fates_known = max(0, self._fates_known - self.unanswered)
        self.unanswered = 0

    def forget_long_ago(self) -> None:
        """What was lost before the last probes says nothing of where the path leads by now."""
        self._fates_known = min(self._fates_known, FATES_REMEMBERED)
        self._fates &= (1 << FATES_REMEMBERED) - 1

    def _smooth(self, round_trip: float) -> None:
        if self.smoothed is None or self._last is None:
            self.smoothed, self.variation = round_trip, round_trip / 2
            return
        self.variation += (abs(round_trip - self.smoothed) - self.variation) / 4
        self.smoothed += (round_trip - self.smoothed) / 8

    def _lower_minimum(self, round_trip: float, now: float) -> None:
        if now >= self._window_ends_at:
            self._older_minimum, self._minimum = self._minimum, round_trip
            self._window_ends_at = now + MINIMUM_WINDOW_SECONDS
        elif self._minimum is None or round_trip < self._minimum:
            self._minimum = round_trip

    def _remember(self, *, was_lost: bool) -> None:
        self._fates = (self._fates << 1 | was_lost) & ((1 << LONG_MEMORY) - 1)
        self._fates_known = min(self._fates_known + 1, LONG_MEMORY)

    def _lately(self, memory: int = FATES_REMEMBERED) -> tuple[int, int]:
        """How many of the last probes were lost, and of how many that is known."""
        return (self._fates & ((1 << memory) - 1)).bit_count(), min(self._fates_known, memory)

    def _loss_before_silence(self) -> float:
        lost, known = self._lately()
        known -= self.unanswered
        return (lost - self.unanswered) / known if known > 0 else 0.0


def _unlucky(lost: int) -> float:
    """How many lost probes these may stand for, if chance was kind; one is taken for bad luck."""
    return max(0.0, lost + math.sqrt(lost) - 2)
