# -*- test-case-name: zerogo.test.mesh.test_knocking -*-
"""When one end is elsewhere: the NAT of the other one lets nothing in from there until that end has heard of it.

Nobody can tell this end when that is. So it knocks: probes go by the direct path in use every `KNOCK_SECONDS` from the
move on, for `KNOCK_FOR_SECONDS` or until one is answered. What was sent a round trip before the NAT opens is the first
that the other end hears, which then knows where to send to, and its answer shows this end that the path is well. No
measurement counts a knock that is not answered. Only where data is sent, as nobody else would notice.
"""

from __future__ import annotations

import math

from attrs import define

from zerogo.mesh.events import PathKind
from zerogo.mesh.path import Path

KNOCK_SECONDS = 0.025
KNOCK_FOR_SECONDS = 0.5
"""Until the word of a move has come by way of a server some 100 ms away from both, and a few knocks after it."""


@define(eq=False)
class Knocking:
    """One peer's."""

    _knocked_at: float = -math.inf

    def take_due(self, path: Path, now: float) -> bool:
        """Whether to knock at this moment by the path in use; it then counts as done."""
        at = self.next_at(path)
        if at is None or now < at:
            return False
        self._knocked_at = now
        return now < path.moved_at + KNOCK_FOR_SECONDS

    def next_at(self, path: Path) -> float | None:
        """When the next knock is due; None where none is."""
        is_over = self._knocked_at >= path.moved_at + KNOCK_FOR_SECONDS - KNOCK_SECONDS
        if path.kind is not PathKind.DIRECT or path.settled_at >= path.moved_at or is_over:
            return None
        return max(path.moved_at, self._knocked_at) + KNOCK_SECONDS
