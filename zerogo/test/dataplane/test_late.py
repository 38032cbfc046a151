"""Copies that wait for their time."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.late import COPIES_LIMIT, COPY_BYTES_LIMIT, LATE_SECONDS, LateCopies
from zerogo.dataplane.way import Way

WAY = Way(("192.0.2.1", 1), 1400, b"o" * 10)


class LateCopiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.copies = LateCopies()

    def hold(self, datagram: bytes, now: float = 0.0) -> None:
        self.copies.hold(1, WAY, 1, memoryview(datagram), now)

    def due(self, now: float) -> list[bytes]:
        return [copy.datagram for copy in self.copies.take_due(now)]

    def test_each_waits_its_time_in_order(self) -> None:
        self.assertEqual((math.inf, []), (self.copies.next_at(), self.due(1e9)))
        self.hold(b"a", 1.0)
        self.hold(b"b", 1.004)
        self.assertEqual((1.0 + LATE_SECONDS, []), (self.copies.next_at(), self.due(1.009)))
        self.assertEqual([b"a"], self.due(1.0 + LATE_SECONDS))
        self.assertEqual([b"b"], self.due(2.0))
        self.assertEqual([], self.due(2.0))

    def test_the_buffer_of_the_original_may_be_used_again(self) -> None:
        original = bytearray(b"first")
        self.copies.hold(1, WAY, 1, memoryview(original), 0.0)
        original[:] = b"other"
        self.assertEqual([b"first"], self.due(1.0))

    def test_few_and_small_ones_wait(self) -> None:
        self.hold(bytes(COPY_BYTES_LIMIT + 1))
        for _ in range(COPIES_LIMIT + 10):
            self.hold(bytes(COPY_BYTES_LIMIT))
        self.assertEqual(COPIES_LIMIT, len(self.due(1.0)))
