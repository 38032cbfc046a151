# -*- test-case-name: zerogo.test.dataplane.test_egress -*-
"""Sealed datagrams of one size on one course, gathered so that one call sends them all.

Nothing waits for a train to fill: whoever appends also flushes, once a turn.
"""

from __future__ import annotations

from collections.abc import Callable

from zerogo.dataplane.place import CHANNEL_HEADER
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SEAL_BYTES
from zerogo.dataplane.transmit import TRAIN_BYTES_LIMIT, TRAIN_DATAGRAMS_LIMIT
from zerogo.dataplane.way import Course

Transmit = Callable[[Course, memoryview, int, int, float], None]
"""Takes the course, the bytes with what goes before each datagram, the distance of their beginnings, how many, now."""


class Train:
    """The one that is being put together."""

    def __init__(self, buffer: memoryview, transmit: Transmit) -> None:
        self._buffer = buffer
        self._transmit = transmit
        self.course: Course | None = None
        self._size = self._used = self._count = 0

    def append(self, course: Course, session: SealedSession, plaintext: memoryview, now: float) -> None:
        """Seal a plaintext as the next datagram; what does not go with it is sent first."""
        wrap = course.wrap
        size = len(plaintext) + SEAL_BYTES + wrap
        used = self._used
        if (
            course is not self.course
            or size > self._size
            or used != self._size * self._count
            or used + size > TRAIN_BYTES_LIMIT
            or self._count >= TRAIN_DATAGRAMS_LIMIT
        ):
            self.flush(now)
            self.course, self._size = course, size
            used = 0
        if wrap:
            CHANNEL_HEADER.pack_into(self._buffer, used, course.way.channel, size - wrap)
        if session.seal(plaintext, self._buffer[used + wrap : used + size]):
            self._used = used + size
            self._count += 1

    def flush(self, now: float) -> None:
        """Send what is there."""
        course, count, used = self.course, self._count, self._used
        self.course = None
        self._used = self._count = 0
        if course is not None and count:
            self._transmit(course, self._buffer[:used], self._size, count, now)
