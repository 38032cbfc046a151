"""Tests for zerogo.wire.transport."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.wire.transport import (
    OVERHEAD_BYTES,
    Fragment,
    InnerHeader,
    Kind,
    TransportHeader,
    emit_fragment,
    emit_header,
    emit_inner,
    parse_fragment,
    parse_header,
    parse_inner,
)

HEADERS = st.builds(
    TransportHeader, lane=st.integers(0, 7), receiver_index=st.integers(0, 2**32 - 1), counter=st.integers(0, 2**64 - 1)
)
INNER_HEADERS = st.builds(
    InnerHeader,
    kind=st.sampled_from(Kind),
    checksum_partial=st.booleans(),
    checksum_verified=st.booleans(),
    band=st.integers(0, 3),
    run_id=st.integers(0, 255),
    position=st.integers(0, 127),
    is_last=st.booleans(),
)
FRAGMENTS = st.builds(
    Fragment,
    frame_id=st.integers(0, 65535),
    position=st.integers(0, 127),
    is_last=st.booleans(),
    kind_and_flags=st.integers(0, 255),
    piece=st.binary(min_size=1, max_size=100),
)


class HeaderTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(HEADERS, st.binary(min_size=20, max_size=60))
    def test_round_trip(self, header: TransportHeader, sealed: bytes) -> None:
        self.assertEqual(parse_header(emit_header(header) + sealed), header)

    def test_the_layout_is_the_specified_one(self) -> None:
        header = TransportHeader(lane=5, receiver_index=0x01020304, counter=0x1112131415161718)
        self.assertEqual(emit_header(header).hex(), "93050000010203041112131415161718")

    def test_bits_beside_the_lane_and_reserved_bytes_are_not_looked_at(self) -> None:
        datagram = bytes.fromhex("93fdffff010203041112131415161718") + bytes(20)
        self.assertEqual(parse_header(datagram).lane, 5)

    def test_too_short_for_an_inner_header_and_tag_is_refused(self) -> None:
        datagram = emit_header(TransportHeader(0, 1, 2)) + bytes(20)
        self.assertEqual(len(datagram), OVERHEAD_BYTES)
        parse_header(datagram)
        for length in range(len(datagram)):
            self.assertRaises(ParseError, parse_header, datagram[:length])

    def test_other_types_are_refused(self) -> None:
        for first in set(range(256)) - {0x93}:
            self.assertRaises(ParseError, parse_header, bytes([first]) + bytes(40))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=80))
    def test_garbage_parses_or_raises_only_parse_errors(self, garbage: bytes) -> None:
        for datagram in (garbage, b"\x93" + garbage):
            try:
                header = parse_header(datagram)
            except ParseError:
                continue
            self.assertEqual(emit_header(header)[4:], datagram[4:16])


class InnerHeaderTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(INNER_HEADERS, st.binary(max_size=20))
    def test_round_trip(self, inner: InnerHeader, payload: bytes) -> None:
        self.assertEqual(parse_inner(emit_inner(inner) + payload), inner)

    def test_the_layout_is_the_specified_one(self) -> None:
        inner = InnerHeader(Kind.ETHERNET_ELIDED, True, True, 1, 200, 5, True)
        self.assertEqual(emit_inner(inner).hex(), "3201c885")

    def test_unknown_kinds_are_refused(self) -> None:
        for kind in range(max(Kind) + 1, 16):
            self.assertRaises(ParseError, parse_inner, bytes([kind, 0, 0, 0]))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=10))
    def test_garbage_parses_or_raises_only_parse_errors(self, garbage: bytes) -> None:
        try:
            inner = parse_inner(garbage)
        except ParseError:
            self.assertTrue(len(garbage) < 4 or garbage[0] & 0x0F > max(Kind))
            return
        self.assertEqual(emit_inner(inner)[2:], garbage[2:4])


class FragmentTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(FRAGMENTS)
    def test_round_trip(self, fragment: Fragment) -> None:
        self.assertEqual(parse_fragment(emit_fragment(fragment)), fragment)

    def test_a_fragment_without_a_piece_is_refused(self) -> None:
        for length in range(5):
            self.assertRaises(ParseError, parse_fragment, bytes(length))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=30))
    def test_garbage_parses_back_or_raises_only_parse_errors(self, garbage: bytes) -> None:
        try:
            fragment = parse_fragment(garbage)
        except ParseError:
            return
        self.assertEqual(emit_fragment(fragment), garbage)
