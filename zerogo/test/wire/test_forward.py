"""Tests for zerogo.wire.forward."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo import ids
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.wire.forward import Forward, emit_forward, first_forward, parse_forward
from zerogo.wire.route import NODE_ID_BYTES, head_bytes, overhead_bytes

NODES = [NodeId(bytes([number]) * 10) for number in range(5)]
DATAGRAM = b"\x93" + bytes(39)
ROUTES = st.lists(st.binary(min_size=10, max_size=10), min_size=3, max_size=4, unique=True).map(
    lambda raws: tuple(map(NodeId, raws))
)
DATAGRAMS = st.builds(
    lambda first, rest: bytes([first]) + rest, first=st.integers(0x90, 0x93), rest=st.binary(max_size=80)
)


@st.composite
def forwards(draw: st.DrawFn) -> Forward:
    route = draw(ROUTES)
    return Forward(route, draw(st.integers(1, len(route) - 1)), draw(DATAGRAMS))


class ForwardTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(forwards())
    def test_round_trip(self, forward: Forward) -> None:
        payload = emit_forward(forward)
        self.assertEqual(forward, parse_forward(payload))
        self.assertEqual(head_bytes(len(forward.route)) + len(forward.datagram), len(payload))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=100))
    def test_garbage_raises_parse_errors_and_nothing_else(self, payload: bytes) -> None:
        try:
            forward = parse_forward(payload)
        except ParseError:
            return
        self.assertEqual(payload, emit_forward(forward))

    @settings(deadline=None)
    @given(forwards(), st.data())
    def test_what_is_cut_short_before_the_datagram_is_refused(self, forward: Forward, data: st.DataObject) -> None:
        size = data.draw(st.integers(0, head_bytes(len(forward.route))))
        self.assertRaises(ParseError, parse_forward, emit_forward(forward)[:size])

    def test_the_layout_is_the_specified_one(self) -> None:
        payload = emit_forward(first_forward(NODES[1], (NODES[2], NODES[3]), DATAGRAM))
        self.assertEqual(b"\x03\x01" + b"\x01" * 10 + b"\x02" * 10 + b"\x03" * 10 + DATAGRAM, payload)
        self.assertEqual((68, 78), (overhead_bytes(3), overhead_bytes(4)))

    def test_only_three_or_four_members_make_a_route(self) -> None:
        for count in (0, 1, 2, 5, 255):
            payload = bytes([count, 1]) + b"".join(bytes([number]) * 10 for number in range(count)) + DATAGRAM
            self.assertRaises(ParseError, parse_forward, payload)

    def test_the_first_member_and_those_beyond_the_last_are_no_receivers(self) -> None:
        for position in (0, 3, 4, 255):
            payload = emit_forward(Forward(tuple(NODES[:3]), 1, DATAGRAM))
            self.assertRaises(ParseError, parse_forward, payload[:1] + bytes([position]) + payload[2:])

    def test_no_member_is_on_a_route_twice(self) -> None:
        for route in ((0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, 2, 0), (0, 1, 2, 1)):
            payload = emit_forward(Forward(tuple(NODES[number] for number in route), 1, DATAGRAM))
            self.assertRaises(ParseError, parse_forward, payload)

    def test_only_datagrams_of_ours_are_carried(self) -> None:
        for datagram in (b"", b"\x00\x01", b"\x40\x00\x00\x00", b"\x8f", b"\x94", b"\xff"):
            self.assertRaises(ParseError, parse_forward, emit_forward(Forward(tuple(NODES[:3]), 1, datagram)))

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
