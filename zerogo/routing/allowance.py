# -*- test-case-name: zerogo.test.routing.test_allowance -*-
"""A token bucket: so much at once, so much a second in the long run."""

from __future__ import annotations

import math

from attrs import define, field


@define(eq=False)
class Allowance:
    """One. `amount` is in whatever unit `rate` (a second) and `burst` are."""

    rate: float
    burst: float
    _tokens: float = field(default=0.0, init=False)
    _filled_at: float = field(default=-math.inf, init=False)

    def take(self, amount: float, now: float) -> bool:
        """Use up `amount`; False where there is not so much."""
        if not self.has(amount, now):
            return False
        self._tokens -= amount
        return True

    def has(self, amount: float, now: float) -> bool:
        """Whether there is so much."""
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
        return self._tokens >= amount

    def wait(self, amount: float, now: float) -> float:
        """Seconds until there is so much; 0 where there is."""
        return 0.0 if self.has(amount, now) else (amount - self._tokens) / self.rate
