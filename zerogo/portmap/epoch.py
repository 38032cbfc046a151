# -*- test-case-name: zerogo.test.portmap.test_epoch -*-
"""Whether a gateway has forgotten its mappings, told from its epoch (RFC 6887 section 8.5; RFC 6886 section 3.6).

A gateway says in each answer for how many seconds it has kept its mappings. One whose count went back, or ran at
another pace than our clock, has begun anew.
"""

from __future__ import annotations

from attrs import define, field

SLACK_SECONDS = 2
PACE_SHARE = 16
"""Clocks may differ by a sixteenth."""


@define(eq=False)
class Epoch:
    """Of one gateway and protocol."""

    _server: int | None = field(default=None, init=False)
    _client: float = field(default=0.0, init=False)

    def take(self, epoch: int, now: float) -> bool:
        """Note what an answer at `now` (monotonic seconds) says; False where the gateway has lost its state."""
        before, self._server = self._server, epoch
        waited, self._client = now - self._client, now
        if before is None:
            return True
        counted = epoch - before
        if counted < -1:
            return False
        is_slow = counted + SLACK_SECONDS < waited - waited / PACE_SHARE
        is_fast = waited + SLACK_SECONDS < counted - counted / PACE_SHARE
        return not (is_slow or is_fast)

    def forget(self) -> None:
        """The next answer is the first."""
        self._server = None
