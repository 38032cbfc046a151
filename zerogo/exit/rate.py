# -*- test-case-name: zerogo.test.exit.test_rate -*-
"""How fast a user is: a token bucket that is drawn on after the fact.

Bytes that have arrived are passed on, and the bucket goes below zero; who overdraws waits before reading more. So one
bucket serves all streams of a user in one direction, and no byte is held back that is here already.
"""

from __future__ import annotations

BURST_SECONDS = 0.25


class RateLimit:
    """One direction of one user. `rate` is bytes per second, 0 is without limit."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._tokens = rate * BURST_SECONDS
        self._at = now
        self._is_hungry = False

    @property
    def rate(self) -> int:
        """Bytes per second."""
        return self._rate

    def change(self, rate: int, now: float) -> None:
        """From this moment on it is another rate."""
        self._refill(now)
        self._rate = rate
        self._tokens = min(self._tokens, rate * BURST_SECONDS)

    def spend(self, count: int, now: float) -> float:
        """So many bytes were passed on; gives the seconds to wait before the next."""
        if not self._rate:
            return 0.0
        self._refill(now)
        self._tokens -= count
        wait = max(0.0, -self._tokens / self._rate)
        self._is_hungry = self._is_hungry or wait > 0
        return wait

    def take_hunger(self) -> bool:
        """Whether anybody had to wait since this was asked the last time."""
        is_hungry, self._is_hungry = self._is_hungry, False
        return is_hungry

    def _refill(self, now: float) -> None:
        self._tokens = min(self._rate * BURST_SECONDS, self._tokens + (now - self._at) * self._rate)
        self._at = now
