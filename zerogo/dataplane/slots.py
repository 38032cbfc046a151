# -*- test-case-name: zerogo.test.dataplane.test_slots -*-
"""Buffers that hold many datagrams at equal distances, with the views of them made once.

Python pays per operation, not per byte. So all that is done to each datagram of a train is done by one call in C for
the whole train: a field of all headers is one strided assignment (`Column`), sealing is one `map` of the cipher over
lists of views. The views of a size are made on its first use and kept (`LayoutCache`).

A train in clear has slots of `4 + header + payload` bytes one after the other; sealed it has slots 32 bytes longer
(clear header and tag).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Literal, TypeVar

from zerogo.wire.transport import HEADER_BYTES, INNER_BYTES, RUN_LENGTH_LIMIT, TAG_BYTES

Code = Literal["H", "I", "Q"]
"""A field of 2, 4 or 8 bytes."""
SLOTS_LIMIT = RUN_LENGTH_LIMIT
NONCE_BYTES = 12
IS_LITTLE_ENDIAN = sys.byteorder == "little"
SEAL_BYTES = HEADER_BYTES + TAG_BYTES
"""What a sealed slot is longer than a clear one."""


def network_order(code: Code, values: Sequence[int] | range) -> array[int]:
    """`values` as an array of `code` (H, I or Q) whose bytes are big-endian."""
    column = array(code, values)
    if IS_LITTLE_ENDIAN:
        column.byteswap()
    return column


class Column:
    """One integer field, at the same place in each slot of a buffer."""

    __slots__ = ("_code", "_offset", "_size", "_stride", "_view", "_whole")

    def __init__(self, buffer: memoryview, offset: int, stride: int, count: int, code: Code) -> None:
        self._code = code
        self._size = struct.calcsize("=" + code)
        self._stride = stride
        self._offset = offset
        self._whole = buffer
        self._view: memoryview | None = None
        end = offset + stride * (count - 1) + self._size
        if stride % self._size == 0 and count and end <= len(buffer):
            self._view = buffer[offset:end].cast(code)[:: stride // self._size]

    def write(self, first: int, values: array[int]) -> None:
        """Set the field of the slots from `first` on; `values` hold the bytes as they are to stand there."""
        if self._view is not None:
            self._view[first : first + len(values)] = memoryview(values)
            return
        raw = values.tobytes()
        for at in range(0, len(raw), self._size):
            position = self._offset + (first + at // self._size) * self._stride
            self._whole[position : position + self._size] = raw[at : at + self._size]

    def fill(self, first: int, count: int, value: bytes) -> None:
        """Set the field of `count` slots to the same bytes."""
        self.write(first, array(self._code, value * count))

    def read(self, first: int, count: int) -> bytes:
        """The field of `count` slots, one after the other."""
        if self._view is not None:
            return self._view[first : first + count].tobytes()
        positions = range(
            self._offset + first * self._stride, self._offset + (first + count) * self._stride, self._stride
        )
        return b"".join(self._whole[at : at + self._size] for at in positions)


class NonceRow:
    """Nonces of consecutive counters (Noise section 12: 4 zero bytes, the counter in the byte order of the cipher)."""

    def __init__(self, is_big_endian: bool) -> None:
        buffer = memoryview(bytearray(NONCE_BYTES * SLOTS_LIMIT))
        self.views = [buffer[at : at + NONCE_BYTES] for at in range(0, len(buffer), NONCE_BYTES)]
        words = buffer.cast("I")
        self._low = words[2::3] if is_big_endian else words[1::3]
        self._high = words[1::3] if is_big_endian else words[2::3]
        self._swaps = is_big_endian == IS_LITTLE_ENDIAN
        self._buffer = buffer
        self._one = struct.Struct(">Q" if is_big_endian else "<Q")

    def write_one(self, counter: int) -> None:
        """Make the first view the nonce of `counter`."""
        self._one.pack_into(self._buffer, 4, counter)

    def write(self, counter: int, count: int) -> None:
        """Make the first `count` views the nonces from `counter` on; they must not cross a multiple of 2**32."""
        low = array("I", range(counter & 0xFFFFFFFF, (counter & 0xFFFFFFFF) + count))
        high = array("I", [counter >> 32]) * count
        if self._swaps:
            low.byteswap()
            high.byteswap()
        self._low[:count] = memoryview(low)
        self._high[:count] = memoryview(high)


class SealedSlots:
    """The places of a train of datagrams of `size` bytes in the two buffers: sealed, and in clear.

    In the sealed buffer `wrap` bytes go before each datagram, 4 for a ChannelData header or none.
    """

    def __init__(self, sealed: memoryview, clear: memoryview, clear_base: int, size: int, wrap: int = 0) -> None:
        self.size = size
        self.wrap = wrap
        self.step = step = wrap + size
        self.stride = stride = size - SEAL_BYTES
        self.count = count = min(len(sealed) // step, (len(clear) - clear_base) // stride, SLOTS_LIMIT)
        starts = range(wrap, count * step, step)
        self.associated = [sealed[at : at + HEADER_BYTES] for at in starts]
        self.ciphertexts = [sealed[at + HEADER_BYTES : at + size] for at in starts]
        self.plaintexts = [clear[at : at + stride] for at in range(clear_base, clear_base + count * stride, stride)]
        self.wraps = Column(sealed, 0, step, count, "I") if wrap else None
        self.prefixes = Column(sealed, wrap, step, count, "Q")
        self.counters = Column(sealed, wrap + 8, step, count, "Q")
        self.heads = struct.Struct(f"!{'I' if wrap else ''}IIQ{size - HEADER_BYTES}x")
        self.inner_words = struct.Struct(f"!I{stride - INNER_BYTES}x")


Layout = TypeVar("Layout")
Key = TypeVar("Key", bound=Hashable)


class LayoutCache(Generic[Key, Layout]):
    """A bounded number of layouts by key, made when first asked for; the oldest goes first."""

    def __init__(self, make: Callable[[Key], Layout], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._layouts: dict[Key, Layout] = {}

    def get(self, key: Key) -> Layout:
        """The layout of `key`."""
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= self._limit:
                del self._layouts[next(iter(self._layouts))]
            layout = self._layouts[key] = self._make(key)
        return layout
