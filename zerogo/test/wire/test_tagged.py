from __future__ import annotations

import contextlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.wire.tagged import TaggedReader, emit_tagged


class Left(msgspec.Struct, tag="left", tag_field="t"):
    steps: int = 1


class Right(msgspec.Struct, tag="right", tag_field="t"):
    word: str


READER: TaggedReader[Left | Right] = TaggedReader("a word", 40, Left, Right)


class TaggedReaderTests(SynchronousTestCase):
    def test_each_type_is_read_and_later_ones_are_told(self) -> None:
        for message in (Left(5), Right("x")):
            self.assertEqual(message, READER.read(emit_tagged(message)))
        self.assertIsNone(READER.read(msgspec.msgpack.encode({"t": "up", "by": 3})))
        self.assertEqual(Left(1), READER.read(msgspec.msgpack.encode({"later": True, "t": "left"})))

    def test_what_is_wrong_is_said(self) -> None:
        malformed = msgspec.msgpack.encode({"t": "right", "word": 7})
        found = self.assertRaises(ParseError, READER.read, malformed)
        self.assertIn("a word is malformed", str(found))
        found = self.assertRaises(ParseError, READER.read, bytes(41))
        self.assertEqual("a word of 41 bytes; the limit is 40", str(found))
        for data in (b"", b"\x80", b"\x81\xa1t\x01", b"\x91" * 40, b"\x81\xa1t\xa1\xff"):
            self.assertRaises(ParseError, READER.read, data)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=48))
    def test_nothing_else_is_raised(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            READER.read(data)
