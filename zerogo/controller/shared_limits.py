# -*- test-case-name: zerogo.test.controller.test_shared_limits -*-
"""What callers of the API used up of their limits, told among the controllers of one database.

Attempts to log in are told one by one, as they happen; requests twice a second, and only of those who make many. A word
that gets lost lets somebody have a little more, for seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from zerogo.control.fellow_words import Attempted, Spent, Word
from zerogo.controller.login_limits import LoginLimits
from zerogo.controller.rate_limits import RateLimits

TELL_SECONDS = 0.5


class SharedLimits:
    """The limits of one controller; `tell` reaches the others."""

    def __init__(
        self, rates: RateLimits, logins: LoginLimits, tell: Callable[[Word], object], clock: IReactorTime
    ) -> None:
        self._rates = rates
        self._logins = logins
        self._tell = tell
        self._clock = clock
        self._told_at = clock.seconds()
        self._telling = LoopingCall(self._tell_spent)
        self._telling.clock = clock
        logins.tell = tell

    def start(self) -> None:
        """Begin to tell of requests."""
        self._telling.start(TELL_SECONDS, now=False)

    def stop(self) -> None:
        """End."""
        if self._telling.running:
            self._telling.stop()

    def heard(self, word: Spent | Attempted) -> None:
        """What another controller says."""
        now = self._clock.seconds()
        if isinstance(word, Spent):
            self._rates.heard(word.counts, now)
        else:
            self._logins.heard(word, now)

    def _tell_spent(self) -> None:
        since, self._told_at = self._told_at, self._clock.seconds()
        spent = self._rates.spent(since)
        if spent:
            self._tell(Spent(spent))
