"""Against `zerogo.noise.session`, which is the plain implementation of the same rules."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.cut import Run
from zerogo.dataplane.limits import REJECT_AFTER_MESSAGES
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.slots import SealedSlots
from zerogo.noise.keys import SessionKeys
from zerogo.noise.session import TransportSession
from zerogo.wire.handshake import Suite
from zerogo.wire.transport import parse_header


class SealingTests(SynchronousTestCase):
    def pair(self, suite: Suite) -> tuple[SealedSession, TransportSession]:
        there, back = os.urandom(32), os.urandom(32)
        fast = SealedSession(1, (7, 8), (there, back), int(suite), True, 0.0)
        keys = SessionKeys(
            local_index=8, remote_index=7, send_key=back, receive_key=there, suite=suite, is_initiator=False,
            handshake_hash=bytes(32),
        )  # fmt: skip
        return fast, TransportSession(keys)

    def slots(self, size: int) -> tuple[SealedSlots, memoryview, memoryview]:
        sealed, clear = memoryview(bytearray(65600)), memoryview(bytearray(os.urandom(65600)))
        return SealedSlots(sealed, clear, 64, size), sealed, clear

    def test_a_sealed_run_is_opened_by_the_plain_session(self) -> None:
        for suite in Suite:
            for size, last in ((1472, 300), (1472, 1440), (101, 50)):
                fast, plain = self.pair(suite)
                slots, sealed, _ = self.slots(size)
                end = fast.seal_run(Run(slots, 20, last), sealed)
                self.assertEqual(19 * size + last + 32, end)
                for index in range(20):
                    datagram = bytes(sealed[index * size : min((index + 1) * size, end)])
                    self.assertEqual(index, parse_header(datagram).counter)
                    expected = bytes(slots.plaintexts[index])[: last if index == 19 else None]
                    self.assertEqual(expected, plain.open(datagram))

    def test_what_the_plain_session_seals_is_opened_at_once(self) -> None:
        for suite in Suite:
            fast, plain = self.pair(suite)
            slots, sealed, clear = self.slots(132)
            texts = [os.urandom(100) for _ in range(30)]
            sealed[: 30 * 132] = b"".join(plain.seal(text) for text in texts)
            self.assertTrue(fast.open_run(slots, 0, 30, 0))
            self.assertEqual(b"".join(texts), bytes(clear[64 : 64 + 3000]))
            self.assertFalse(fast.window.accepts(29))
            self.assertTrue(fast.window.accepts(30))

    def test_one_bit_in_a_run_refuses_it_and_marks_nothing(self) -> None:
        fast, plain = self.pair(Suite.CHACHAPOLY)
        slots, sealed, _ = self.slots(132)
        sealed[: 30 * 132] = b"".join(plain.seal(bytes(100)) for _ in range(30))
        sealed[17 * 132 + 50] ^= 1
        self.assertFalse(fast.open_run(slots, 0, 30, 0))
        self.assertTrue(all(fast.window.accepts(counter) for counter in range(30)))

    def test_single_datagrams_both_ways(self) -> None:
        for suite in Suite:
            fast, plain = self.pair(suite)
            out = memoryview(bytearray(4 + 5 + 32))
            self.assertTrue(fast.seal(memoryview(b"\0\0\0\0hello"), out))
            self.assertEqual(b"\0\0\0\0hello", plain.open(bytes(out)))
            datagram = memoryview(bytearray(plain.seal(b"\0\0\0\0reply")))
            text = memoryview(bytearray(9))
            self.assertTrue(fast.open(datagram, 0, text))
            self.assertEqual(b"\0\0\0\0reply", bytes(text))
            datagram[-1] ^= 1
            self.assertFalse(fast.open(datagram, 0, text))

    def test_no_counter_is_used_twice_and_the_last_is_never_used(self) -> None:
        fast, _ = self.pair(Suite.CHACHAPOLY)
        slots, sealed, _ = self.slots(132)
        fast._next_counter = REJECT_AFTER_MESSAGES - 10
        self.assertEqual(0, fast.seal_run(Run(slots, 11, 100), sealed))
        self.assertEqual(10 * 132, fast.seal_run(Run(slots, 10, 100), sealed))
        self.assertFalse(fast.seal(memoryview(bytes(4)), memoryview(bytearray(36))))

    def test_a_run_does_not_cross_a_multiple_of_two_to_the_32(self) -> None:
        fast, plain = self.pair(Suite.AESGCM)
        slots, sealed, _ = self.slots(132)
        fast._next_counter = 2**32 - 5
        fast.seal_run(Run(slots, 10, 100), sealed)
        counters = [parse_header(bytes(sealed[at : at + 132])).counter for at in range(0, 1320, 132)]
        self.assertEqual(list(range(2**32, 2**32 + 10)), counters)
        self.assertEqual(bytes(slots.plaintexts[9]), plain.open(bytes(sealed[9 * 132 : 1320])))
