from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.slots import Column, LayoutCache, NonceRow, SealedSlots, network_order
from zerogo.noise.session import nonce
from zerogo.wire.handshake import Suite


class ColumnTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(st.integers(0, 9), st.integers(8, 60), st.integers(1, 40), st.sampled_from(["H", "I", "Q"]), st.data())
    def test_a_column_is_what_slicing_one_by_one_gives(
        self, offset: int, stride: int, count: int, code: str, data: st.DataObject
    ) -> None:
        size = {"H": 2, "I": 4, "Q": 8}[code]
        buffer = bytearray(range(256)) * 12
        expected = bytearray(buffer)
        column = Column(memoryview(buffer), offset, stride, count, code)  # type: ignore[arg-type]
        first = data.draw(st.integers(0, count - 1))
        values = data.draw(st.lists(st.integers(0, 256**size - 1), max_size=count - first))
        column.write(first, network_order(code, values))  # type: ignore[arg-type]
        for index, value in enumerate(values):
            at = offset + (first + index) * stride
            expected[at : at + size] = value.to_bytes(size, "big")
        self.assertEqual(expected, buffer)
        self.assertEqual(b"".join(value.to_bytes(size, "big") for value in values), column.read(first, len(values)))

    def test_fill_writes_the_same_bytes(self) -> None:
        buffer = bytearray(40)
        Column(memoryview(buffer), 1, 10, 4, "H").fill(1, 2, b"ab")
        self.assertEqual({11: 97, 12: 98, 21: 97, 22: 98}, {at: byte for at, byte in enumerate(buffer) if byte})


class NonceRowTests(SynchronousTestCase):
    def test_nonces_are_those_of_the_session(self) -> None:
        for suite in Suite:
            row = NonceRow(suite is Suite.AESGCM)
            for counter in (0, 1, 2**32 - 3, 2**32, 2**40 + 5, 2**64 - 2**13 - 10):
                row.write(counter, 3)
                expected = [nonce(suite, counter + index) for index in range(3)]
                self.assertEqual(expected, [bytes(view) for view in row.views[:3]])
                row.write_one(counter + 7)
                self.assertEqual(nonce(suite, counter + 7), bytes(row.views[0]))


class LayoutTests(SynchronousTestCase):
    def test_slots_do_not_overlap_and_stay_inside(self) -> None:
        for size in (36, 37, 100, 1472, 9000):
            sealed, clear = memoryview(bytearray(65599)), memoryview(bytearray(65663))
            slots = SealedSlots(sealed, clear, 64, size)
            self.assertLessEqual(slots.count * size, len(sealed))
            self.assertLessEqual(64 + slots.count * slots.stride, len(clear))
            self.assertTrue(all(len(view) == size - 16 for view in slots.ciphertexts))
            self.assertTrue(all(len(view) == size - 32 for view in slots.plaintexts))

    def test_the_cache_is_bounded(self) -> None:
        made: list[int] = []

        def make(key: int) -> int:
            made.append(key)
            return key

        cache = LayoutCache(make, 2)
        for key in (1, 2, 1, 3, 2, 1):
            self.assertEqual(key, cache.get(key))
        self.assertEqual([1, 2, 3, 1], made)
