"""Streams cut into messages, however the bytes arrive."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.turn.attributes import Data
from zerogo.turn.framing import FRAME_LIMIT, StreamFramer, is_message
from zerogo.turn.message import TurnMethod, emit_channel_data, parse_channel_data


def stun(data: bytes) -> bytes:
    return emit(Message(TurnMethod.SEND, MessageClass.INDICATION, bytes(12), (Data(data),)))


class StreamFramerTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=8), st.data())
    @settings(deadline=None, max_examples=150)
    def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
        self, sent: list[tuple[bool, bytes]], data: st.DataObject
    ) -> None:
        stream = b"".join(stun(each) if is_stun else emit_channel_data(0x4001, each, True) for is_stun, each in sent)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
        framer = StreamFramer()
        frames = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            frames += framer.receive(stream[start:end])
        expected = [stun(each) if is_stun else emit_channel_data(0x4001, each) for is_stun, each in sent]
        self.assertEqual((frames, framer.buffered), (expected, 0))

    @given(st.lists(st.binary(max_size=50), max_size=20))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_errors_only_and_is_not_hoarded(self, pieces: list[bytes]) -> None:
        framer = StreamFramer(frame_limit=64)
        for piece in pieces:
            try:
                framer.receive(piece)
            except ParseError:
                self.assertEqual(framer.buffered, 0)
            self.assertLess(framer.buffered, 64 + 4)

    @given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(stun)), st.booleans(), st.integers(-3, 5))
    @settings(deadline=None, max_examples=200)
    def test_what_is_taken_for_a_message_leaves_nothing_unfinished_in_a_stream(
        self, data: bytes, is_channel_data: bool, longer: int
    ) -> None:
        data = emit_channel_data(0x4001, data) if is_channel_data else data
        data = data[:longer] if longer < 0 else data + bytes(longer)
        if is_message(data):
            framer = StreamFramer()
            self.assertEqual((len(framer.receive(data + bytes(-len(data) % 4))), framer.buffered), (1, 0))

    def test_messages_are_told_from_parts_of_them_and_from_what_is_none(self) -> None:
        for whole in (stun(b"data"), emit_channel_data(0x4001, b"abc"), emit_channel_data(0x4001, b"abc", True)):
            self.assertTrue(is_message(whole))
            self.assertEqual((is_message(whole[:-4]), is_message(whole + bytes(4))), (False, False))
        for other in (b"", b"\x40\x01", b"\x93" + bytes(40), b"GET / HTTP/1.1\r\n"):
            self.assertFalse(is_message(other))

    def test_padding_is_waited_for_and_removed(self) -> None:
        framer = StreamFramer()
        self.assertEqual(framer.receive(b"\x40\x01\x00\x01x\0\0"), [])
        (frame,) = framer.receive(b"\0")
        self.assertEqual(parse_channel_data(frame).data, b"x")

    def test_other_protocols_are_noticed_at_once(self) -> None:
        for start in (b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"\x80", b"SSH-2.0-x", b"\x00\x01\x00\x00zzzz"):
            framer = StreamFramer()
            self.assertRaises(ParseError, framer.receive, start)

    def test_long_messages_are_refused_before_they_arrive(self) -> None:
        self.assertRaises(ParseError, StreamFramer().receive, b"\x40\x01" + FRAME_LIMIT.to_bytes(2, "big"))
        header = stun(b"")[:2] + FRAME_LIMIT.to_bytes(2, "big") + stun(b"")[4:20]
        self.assertRaises(ParseError, StreamFramer().receive, header)

    def test_broken_stream_stays_broken(self) -> None:
        framer = StreamFramer()
        self.assertRaises(ParseError, framer.receive, b"\x80")
        self.assertRaises(ParseError, framer.receive, stun(b""))
