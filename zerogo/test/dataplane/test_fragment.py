from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.fragment import FRAMES_LIMIT, TIMEOUT_SECONDS, Reassembly, fragments
from zerogo.errors import ParseError
from zerogo.wire.transport import INNER_BYTES, OVERHEAD_BYTES, Fragment, emit_fragment

KIND = b"\x01\x02\0\0"


def payloads(frame: bytes, limit: int, frame_id: int = 1) -> list[bytes]:
    pieces = list(fragments(memoryview(KIND + frame), frame_id, limit))
    assert all(len(piece) + 32 <= limit for piece in pieces)
    return [piece[INNER_BYTES:] for piece in pieces]


class FragmentTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=100)
    @given(st.binary(min_size=1, max_size=9000), st.integers(640, 1472), st.randoms())
    def test_a_frame_comes_together_in_any_order(self, frame: bytes, limit: int, generator: random.Random) -> None:
        pieces = payloads(frame, limit)
        generator.shuffle(pieces)
        reassembly = Reassembly()
        results = [reassembly.add(piece, 0.0) for piece in pieces]
        self.assertEqual([None] * (len(pieces) - 1) + [(1, frame)], results)

    def test_frames_may_interleave(self) -> None:
        reassembly = Reassembly()
        first, second = payloads(b"a" * 2000, 1200, 1), payloads(b"b" * 2000, 1200, 2)
        self.assertIsNone(reassembly.add(first[0], 0.0))
        self.assertIsNone(reassembly.add(second[1], 0.0))
        self.assertEqual((1, b"a" * 2000), reassembly.add(first[1], 0.0))
        self.assertEqual((1, b"b" * 2000), reassembly.add(second[0], 0.0))

    def test_open_frames_are_bounded_and_the_oldest_goes(self) -> None:
        reassembly = Reassembly()
        frames = [payloads(bytes(2000), 1200, number) for number in range(FRAMES_LIMIT + 1)]
        for pieces in frames:
            reassembly.add(pieces[0], 0.0)
        self.assertIsNone(reassembly.add(frames[0][1], 0.0))
        self.assertIsNotNone(reassembly.add(frames[-1][1], 0.0))

    def test_a_frame_waits_a_second_and_no_longer(self) -> None:
        reassembly = Reassembly()
        first, second = payloads(bytes(2000), 1200)
        reassembly.add(first, 0.0)
        self.assertIsNone(reassembly.add(second, TIMEOUT_SECONDS + 0.1))

    def test_contradictions_are_refused_and_forgotten(self) -> None:
        first, second, third = payloads(bytes(3000), 1200)
        for pieces in ((first, first), (third, third), (third, emit_fragment(Fragment(1, 5, False, 1, b"x")))):
            reassembly = Reassembly()
            reassembly.add(pieces[0], 0.0)
            self.assertRaises(ParseError, reassembly.add, pieces[1], 0.0)
        reassembly = Reassembly()
        reassembly.add(third, 0.0)
        self.assertRaises(ParseError, reassembly.add, emit_fragment(Fragment(1, 1, False, 2, b"x")), 0.0)
        reassembly.add(first, 0.0)
        self.assertIsNone(reassembly.add(second, 0.0))

    def test_no_frame_larger_than_a_frame_can_be(self) -> None:
        reassembly = Reassembly()
        with self.assertRaises(ParseError):
            for position in range(127):
                reassembly.add(emit_fragment(Fragment(1, position, False, 1, bytes(1400))), 0.0)

    def test_a_piece_counts_its_overhead(self) -> None:
        self.assertEqual(2, len(payloads(bytes(2 * (1200 - OVERHEAD_BYTES - 4)), 1200)))

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.binary(max_size=40), max_size=8))
    def test_garbage_raises_parse_errors_only(self, pieces: list[bytes]) -> None:
        reassembly = Reassembly()
        for piece in pieces:
            try:
                reassembly.add(piece, 0.0)
            except ParseError:
                continue
