"""Tests for zerogo.wire.control."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.wire.control import Close, ControlMessage, Probe, ProbeAnswer, emit_control, parse_control

IDS = st.integers(0, 2**32 - 1)
MESSAGES = st.one_of(
    st.builds(Probe, probe_id=IDS, padding=st.integers(0, 1500)),
    st.builds(ProbeAnswer, probe_id=IDS),
    st.builds(Close, reason=st.integers(0, 255)),
)


class ControlTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(MESSAGES)
    def test_round_trip(self, message: ControlMessage) -> None:
        self.assertEqual(parse_control(emit_control(message)), message)

    def test_the_layouts_are_the_specified_ones(self) -> None:
        self.assertEqual(emit_control(Probe(0x01020304, 2)).hex(), "01010203040000")
        self.assertEqual(emit_control(ProbeAnswer(0x01020304)).hex(), "0201020304")
        self.assertEqual(emit_control(Close(2)).hex(), "0302")

    def test_trailing_bytes_of_answer_and_close_are_ignored(self) -> None:
        for message in (ProbeAnswer(7), Close(1)):
            self.assertEqual(parse_control(emit_control(message) + b"later"), message)

    def test_types_of_a_later_release_parse_to_none(self) -> None:
        for kind in [0, *range(6, 256)]:
            self.assertIsNone(parse_control(bytes([kind]) + b"anything"))

    def test_truncations_are_refused(self) -> None:
        for message in (Probe(7), ProbeAnswer(7), Close(1)):
            whole = emit_control(message)
            for length in range(len(whole)):
                self.assertRaises(ParseError, parse_control, whole[:length])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=40))
    def test_garbage_parses_or_raises_only_parse_errors(self, garbage: bytes) -> None:
        try:
            message = parse_control(garbage)
        except ParseError:
            return
        if message is not None:
            self.assertTrue(garbage.startswith(emit_control(message)[:1]))
