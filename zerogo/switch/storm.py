# -*- test-case-name: zerogo.test.switch.test_storm -*-
"""Storm control: a token bucket of bytes for frames to group addresses and to nobody known.

Every copy of a flooded frame is sealed and sent apart, so the outgoing budget is spent in output bytes: frame times
copies. Each peer has a budget of its own for what it sends us, so one member cannot silence the broadcasts of others.
"""

from __future__ import annotations

OUTGOING_BYTES_PER_SECOND = 4_000_000
OUTGOING_BURST_BYTES = 4_000_000
INCOMING_BYTES_PER_SECOND = 1_000_000
"""Per peer."""
INCOMING_BURST_BYTES = 1_000_000


class StormBudget:
    """A bucket that fills with `rate` bytes per second up to `burst` bytes; starts full."""

    __slots__ = ("_burst", "_level", "_rate", "_updated_at")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._updated_at: float | None = None

    def spend(self, size: int, now: float) -> bool:
        """Take `size` bytes out; False, and nothing taken, where they are not there."""
        if self._updated_at is not None and now > self._updated_at:
            self._level = min(self._burst, self._level + (now - self._updated_at) * self._rate)
        self._updated_at = now
        if size > self._level:
            return False
        self._level -= size
        return True
