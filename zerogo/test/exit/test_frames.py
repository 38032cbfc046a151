"""Frames parse back, and garbage is refused."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.frames import (
    SENTENCE_LIMIT,
    Command,
    Datagram,
    Kind,
    Open,
    Opened,
    Reset,
    emit_address,
    emit_credit,
    emit_datagram,
    emit_open,
    emit_opened,
    emit_reset,
    frame,
    parse_address,
    parse_credit,
    parse_datagram,
    parse_open,
    parse_opened,
    parse_reset,
    split_frames,
)
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress

targets = st.builds(
    Target, st.sampled_from(["example.net", "192.0.2.1", "2001:db8::1", "a" * 63 + ".b"]), st.integers(0, 65535)
)
addresses = st.builds(SocketAddress, st.sampled_from(["192.0.2.1", "2001:db8::1"]), st.integers(0, 65535))
words = st.integers(0, 2**32 - 1)


class FrameTests(SynchronousTestCase):
    @given(st.sampled_from(Command), words, targets)
    @settings(deadline=None, max_examples=50)
    def test_open_parses_back(self, command: Command, credit: int, target: Target) -> None:
        value = Open(command, credit, target)
        self.assertEqual(parse_open(emit_open(value)), value)

    @given(words, words, addresses, targets, st.binary(max_size=50))
    @settings(deadline=None, max_examples=50)
    def test_the_others_parse_back(
        self, credit: int, micros: int, address: SocketAddress, target: Target, payload: bytes
    ) -> None:
        self.assertEqual(parse_opened(emit_opened(Opened(credit, micros, address))), Opened(credit, micros, address))
        self.assertEqual(parse_datagram(emit_datagram(Datagram(target, payload))), Datagram(target, payload))
        self.assertEqual(parse_credit(emit_credit(credit)), credit)
        self.assertEqual(parse_address(emit_address(address)), address)

    def test_sentences_are_cut_and_cleaned_and_unknown_reasons_read(self) -> None:
        self.assertEqual(len(parse_reset(emit_reset(Reset(Reason.REFUSED, "x" * 999))).sentence), SENTENCE_LIMIT)
        self.assertEqual(parse_reset(b"\x05a\x1b[31mb"), Reset(Reason.NAME_FAILED, "a[31mb"))
        self.assertIs(parse_reset(b"\xff").reason, Reason.INTERNAL)

    def test_packets_split_and_cut_ones_are_refused(self) -> None:
        packet = frame(Kind.DATA, 7, b"abc") + frame(Kind.FIN, 7)
        found = [(kind, stream, bytes(payload)) for kind, stream, payload in split_frames(memoryview(packet))]
        self.assertEqual(found, [(Kind.DATA, 7, b"abc"), (Kind.FIN, 7, b"")])
        for end in (3, 8, len(packet) - 1):
            self.assertRaises(ParseError, list, split_frames(memoryview(packet[:end])))

    @given(st.binary(max_size=60))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_error_or_nothing(self, garbage: bytes) -> None:
        parsers: list[Callable[[bytes], object]] = [
            parse_open, parse_opened, parse_reset, parse_credit, parse_datagram, parse_address
        ]  # fmt: skip
        for parse in parsers:
            try:
                parse(garbage)
            except ParseError:
                continue
