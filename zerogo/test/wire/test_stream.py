"""Frames of a stream, and the messages that open one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.wire.stream import (
    FRAGMENT_BYTES,
    FRAME_LIMIT,
    NONCE_BYTES,
    TAG_BYTES,
    Answer,
    Confirm,
    FrameReader,
    Hello,
    emit_frame,
    emit_opening,
    parse_answer,
    parse_confirm,
    parse_hello,
)

DATAGRAMS = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


def read_all(reader: FrameReader) -> list[bytes]:
    return list(iter(reader.next, None))


class FrameTests(SynchronousTestCase):
    @given(DATAGRAMS, st.integers(1, 40))
    @settings(deadline=None, max_examples=100)
    def test_datagrams_come_out_whole_however_the_stream_is_cut(self, datagrams: list[bytes], step: int) -> None:
        stream = b"".join(map(emit_frame, datagrams))
        reader, found = FrameReader(), []
        for at in range(0, len(stream), step):
            reader.receive(stream[at : at + step])
            found += read_all(reader)
        self.assertEqual(found, datagrams)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_nothing_but_parse_error(self, data: bytes) -> None:
        reader = FrameReader(50)
        reader.receive(data)
        try:
            frames = read_all(reader)
        except ParseError:
            return
        self.assertTrue(all(0 < len(frame) <= 50 for frame in frames))

    def test_an_empty_frame_and_one_that_is_too_long_are_refused_before_they_come(self) -> None:
        for length in (0, FRAME_LIMIT + 1, 0xFFFF):
            reader = FrameReader()
            reader.receive(length.to_bytes(2, "big"))
            self.assertRaises(ParseError, reader.next)

    def test_limit_holds_from_the_next_frame_on(self) -> None:
        reader = FrameReader(3)
        reader.receive(emit_frame(b"abc") + emit_frame(b"longer"))
        self.assertEqual(reader.next(), b"abc")
        reader.limit = FRAME_LIMIT
        self.assertEqual(reader.next(), b"longer")


class OpeningTests(SynchronousTestCase):
    @given(st.binary(max_size=64))
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_no_message(self, data: bytes) -> None:
        for parse in (parse_hello, parse_answer, parse_confirm):
            for each in (data, bytes([0x95, 1]) + data, bytes([0x96]) + data, bytes([0x97]) + data):
                try:
                    self.assertEqual(emit_opening(parse(each)), each)
                except ParseError:
                    continue

    def test_layout_is_that_of_the_specification(self) -> None:
        fragment, nonce, tag = b"f" * FRAGMENT_BYTES, b"n" * NONCE_BYTES, b"t" * TAG_BYTES
        hello = emit_opening(Hello(fragment, nonce, tag))
        self.assertEqual(hello, b"\x95\x01" + fragment + nonce + tag)
        self.assertEqual(parse_hello(hello), Hello(fragment, nonce, tag))
        self.assertEqual(emit_opening(Answer(nonce, tag)), b"\x96" + nonce + tag)
        self.assertEqual(emit_opening(Confirm(tag)), b"\x97" + tag)
        self.assertEqual(parse_confirm(b"\x97" + tag), Confirm(tag))
        self.assertRaises(ParseError, parse_hello, b"\x95\x02" + hello[2:])
