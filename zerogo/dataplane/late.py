# -*- test-case-name: zerogo.test.dataplane.test_late -*-
"""Late copies: sealed datagrams of the real-time band that go once more, a little after they were sent.

What takes both copies of a datagram that goes by two ways is mostly short: two independent losses, or a burst. A third
copy that comes `LATE_SECONDS` later is lost by a chance of its own. It is the same sealed datagram, so the receiver's
replay window drops it where an earlier one arrived. Copies are few and small, whatever is sent: beyond `COPIES_LIMIT`
that wait, or `COPY_BYTES_LIMIT` each, none is made. Delays are equal, so a queue keeps their order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from zerogo.dataplane.way import Way

LATE_SECONDS = 0.01
"""Longer than bursts of a full queue or of a radio's retries mostly are, shorter than players of sound wait."""
COPIES_LIMIT = 256
COPY_BYTES_LIMIT = 2048


class LateCopy(NamedTuple):
    """What is to be sent, and how."""

    at: float
    peer: int
    way: Way
    band: int
    datagram: bytes


class LateCopies:
    """Those of all peers."""

    def __init__(self) -> None:
        self._waiting: deque[LateCopy] = deque()

    def hold(self, peer: int, way: Way, band: int, datagram: memoryview, now: float) -> None:
        """Have a datagram sent that way once more, if there is room."""
        if len(self._waiting) < COPIES_LIMIT and len(datagram) <= COPY_BYTES_LIMIT:
            self._waiting.append(LateCopy(now + LATE_SECONDS, peer, way, band, bytes(datagram)))

    def take_due(self, now: float) -> Iterator[LateCopy]:
        """Those whose time has come; each that is taken is gone."""
        while self._waiting and self._waiting[0].at <= now:
            yield self._waiting.popleft()

    def next_at(self) -> float:
        """When the first is to be sent; infinity where none waits."""
        return self._waiting[0].at if self._waiting else math.inf
