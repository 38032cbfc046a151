# -*- test-case-name: zerogo.test.net.test_turns -*-
"""Long work in short turns, so that whoever else the reactor serves is not made to wait for its end.

The work is done piece by piece. When a turn has taken `TURN_SECONDS`, what is left waits until the reactor has looked
at its descriptors, called what other threads left for it and what is due: a request that came in one turn is read
before the next. Where nothing else happens, one turn follows the other at once. The clock counts, and not the pieces:
one that takes a fraction of a millisecond on a quiet machine takes many where each write to a socket lets another
thread run.

While somebody waits for other threads of this process, who could not run beside a turn either, a turn is put off, but
for no longer than `PUT_OFF_SECONDS`. So the work goes on however much there is of the other: by one turn in each round
of the reactor, `PUT_OFF_SECONDS` apart at least.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

TURN_SECONDS = 0.002
PUT_OFF_SECONDS = 0.006
LOOK_SECONDS = 0.002
"""So often a turn that was put off looks whether its time has come."""


class Turns:
    """Does what is left of something, from each `begin` until nothing is left or `stop`."""

    def __init__(
        self, clock: IReactorTime, piece: Callable[[], bool], are_others_waiting: Callable[[], bool] = lambda: False
    ) -> None:
        """`piece` does a small piece and says whether anything is left; neither function raises."""
        self._clock = clock
        self._piece = piece
        self._are_others_waiting = are_others_waiting
        self._last_end = -math.inf
        self._next: IDelayedCall | None = None
        self._is_turn = False
        self._is_stopped = False

    def begin(self) -> None:
        """There is something to do. The first turn is taken at once, unless one goes on or is about to; after `stop`
        none is."""
        if self._next is None and not self._is_turn and not self._is_stopped:
            self._turn()

    def stop(self) -> None:
        """Leave what is left."""
        self._is_stopped = True
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _turn(self) -> None:
        now = self._clock.seconds()
        if self._are_others_waiting() and now < self._last_end + PUT_OFF_SECONDS:
            self._next = self._clock.callLater(LOOK_SECONDS, self._turn)
            return
        self._next = None
        self._is_turn = True
        while self._piece() and not self._is_stopped:
            if self._clock.seconds() >= now + TURN_SECONDS:
                self._next = self._clock.callLater(0, self._turn)
                break
        self._is_turn = False
        self._last_end = self._clock.seconds()
