"""Tests for zerogo.wire.forward and zerogo.wire.route."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo import ids
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.wire.forward import Forward, emit_forward, first_forward, parse_forward
from zerogo.wire.route import (
    NODE_ID_BYTES,
    emit_forward_header,
    overhead_bytes,
    parse_forward_header,
    parse_route,
    route_bytes,
)

NODES = [NodeId(bytes([number]) * 10) for number in range(5)]
DATAGRAM = b"\x93" + bytes(range(1, 60))
ROUTES = st.lists(st.binary(min_size=10, max_size=10), min_size=3, max_size=4, unique=True).map(
    lambda raws: tuple(map(NodeId, raws))
)
DATAGRAMS = st.builds(
    lambda first, rest: bytes([first]) + rest, first=st.integers(0x90, 0x93), rest=st.binary(min_size=31, max_size=80)
)


@st.composite
def forwards(draw: st.DrawFn) -> Forward:
    route = draw(ROUTES)
    return Forward(route, draw(st.integers(1, len(route) - 1)), draw(DATAGRAMS), draw(st.integers(0, 3)))


class ForwardTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(forwards())
    def test_round_trip(self, forward: Forward) -> None:
        clear, plaintext = emit_forward(forward)
        self.assertEqual(forward, parse_forward(clear, plaintext))
        count = len(forward.route)
        self.assertEqual(len(forward.datagram) + overhead_bytes(count), 16 + len(clear) + len(plaintext) + 16)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=40), st.binary(max_size=100))
    def test_garbage_raises_parse_errors_and_nothing_else(self, clear: bytes, plaintext: bytes) -> None:
        for each in (plaintext, plaintext + b"\x01\x03", bytes([0x93]) + plaintext[1:] + b"\x01\x03"):
            try:
                forward = parse_forward(clear, each)
            except ParseError:
                continue
            emitted = emit_forward(forward)
            self.assertEqual((clear, each[:-2], each[-1:]), (emitted[0], emitted[1][:-2], emitted[1][-1:]))

    @settings(deadline=None)
    @given(forwards(), st.data())
    def test_what_is_cut_short_is_refused(self, forward: Forward, data: st.DataObject) -> None:
        clear, plaintext = emit_forward(forward)
        cut = data.draw(st.integers(1, len(plaintext)))
        if forward.datagram[0] == 0x93 or cut > len(forward.datagram) - 32:
            self.assertRaises(ParseError, parse_forward, clear, plaintext[cut:])
        end = plaintext[-route_bytes(len(forward.route)) :]
        self.assertRaises(ParseError, parse_forward, clear, end)
        self.assertRaises(ParseError, parse_forward, clear, end[1:])

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=120))
    def test_garbage_is_no_header(self, data: bytes) -> None:
        for each in (data, b"\x98" + data):
            try:
                sealed_at, index, counter = parse_forward_header(each)
            except ParseError:
                continue
            header = emit_forward_header(sealed_at, index, counter)
            self.assertEqual((header[:1], header[2:]), (each[:1], each[2:16]))
            self.assertTrue(16 <= sealed_at <= len(each) - 80)

    def test_the_layout_is_the_specified_one(self) -> None:
        route = b"\x01" * 10 + b"\x02" * 10 + b"\x03" * 10 + b"\x21\x03"
        clear, plaintext = emit_forward(first_forward(NODES[1], (NODES[2], NODES[3]), DATAGRAM))
        self.assertEqual((DATAGRAM[16:-16], DATAGRAM[-16:] + DATAGRAM[:16] + route), (clear, plaintext))
        hello = b"\x90" + DATAGRAM[1:]
        clear, plaintext = emit_forward(first_forward(NODES[1], (NODES[2], NODES[3]), hello))
        self.assertEqual((b"", hello[16:] + hello[:16] + route), (clear, plaintext))
        self.assertEqual("9800012c0a0b0c0d0000000000000007", emit_forward_header(300, 0x0A0B0C0D, 7).hex())
        self.assertEqual((64, 74), (overhead_bytes(3), overhead_bytes(4)))

    def test_only_three_or_four_members_make_a_route(self) -> None:
        for count in (0, 1, 2, 5, 255):
            raw = b"".join(bytes([number]) * 10 for number in range(count)) + bytes([1, count])
            self.assertRaises(ParseError, parse_route, raw)

    def test_the_first_member_and_those_beyond_the_last_are_no_receivers(self) -> None:
        for position in (0, 3, 4, 15):
            plaintext = emit_forward(Forward(tuple(NODES[:3]), position, DATAGRAM))[1]
            self.assertRaises(ParseError, parse_forward, DATAGRAM[16:-16], plaintext)

    def test_no_member_is_on_a_route_twice(self) -> None:
        for route in ((0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, 2, 0), (0, 1, 2, 1)):
            parts = emit_forward(Forward(tuple(NODES[number] for number in route), 1, DATAGRAM))
            self.assertRaises(ParseError, parse_forward, *parts)

    def test_only_datagrams_of_ours_are_carried(self) -> None:
        route = emit_forward(Forward(tuple(NODES[:3]), 1, DATAGRAM))[1][-32:]
        self.assertRaises(ParseError, emit_forward, Forward(tuple(NODES[:3]), 1, b""))
        self.assertRaises(ParseError, emit_forward, Forward(tuple(NODES[:3]), 1, DATAGRAM[:31]))
        self.assertRaises(ParseError, parse_forward, b"", DATAGRAM[:15] + DATAGRAM[:16] + route)
        for datagram in (bytes([first]) + bytes(50) for first in (0, 0x40, 0x8F, 0x98, 255)):
            self.assertRaises(ParseError, emit_forward, Forward(tuple(NODES[:3]), 1, datagram))
            parts = datagram[16:-16], datagram[-16:] + datagram[:16] + route
            self.assertRaises(ParseError, parse_forward, *parts)

    def test_each_type_is_sealed_from_where_it_should_be(self) -> None:
        route = emit_forward(Forward(tuple(NODES[:3]), 1, DATAGRAM))[1][-32:]
        for first, end in ((0x93, 16), (0x93, 43), (0x93, 45), (0x90, 17), (0x92, 44)):
            datagram = bytes([first]) + DATAGRAM[1:]
            parts = datagram[16:end], datagram[end:] + datagram[:16] + route
            self.assertRaises(ParseError, parse_forward, *parts)

    def test_it_is_carried_from_one_to_the_next_until_it_is_there(self) -> None:
        forward = first_forward(NODES[0], (NODES[1], NODES[2], NODES[3]), DATAGRAM)
        for number in (1, 2, 3):
            self.assertTrue(forward.is_rightful(NODES[number], NODES[number - 1]))
            self.assertFalse(forward.is_rightful(NODES[number], NODES[4]))
            self.assertFalse(forward.is_rightful(NODES[4], NODES[number - 1]))
            self.assertEqual(number == 3, forward.is_last)
            if number < 3:
                forward = forward.onward()
        self.assertEqual((NODES[2], NODES[1], NODES[0]), forward.back)

    def test_an_id_is_as_long_here_as_there(self) -> None:
        self.assertEqual(ids.NODE_ID_BYTES, NODE_ID_BYTES)
