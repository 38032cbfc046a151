"""What signals say of relayed addresses, and signals that relays carry."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import NodeId, SocketAddress
from zerogo.mesh.signal import (
    RELAYED_LIMIT,
    Offer,
    Relayed,
    Signal,
    emit_relayed_signal,
    emit_signal,
    is_relayed_signal,
    parse_relayed_signal,
    parse_signal,
)

KEY = bytes(range(32))
NODE = NodeId(b"0123456789")
EAST = Relayed("east", SocketAddress.of("192.0.2.1", 50000))
WEST = Relayed("west", SocketAddress.of("2001:db8::1", 50001))


class RelayedOfferTests(SynchronousTestCase):
    def parsed(self, *relayed: Relayed) -> tuple[Relayed, ...]:
        signal = Signal(epoch=1, sequence=2, offer=Offer(relayed=relayed))
        return parse_signal(emit_signal(signal, KEY), KEY).offer.relayed

    def test_order_is_kept_the_home_relay_first(self) -> None:
        self.assertEqual(self.parsed(WEST, EAST), (WEST, EAST))

    def test_more_than_can_be_told_are_left_out(self) -> None:
        many = [Relayed(f"r{number}", EAST.address) for number in range(RELAYED_LIMIT + 2)]
        self.assertEqual(len(self.parsed(*many)), RELAYED_LIMIT)


class RelayedSignalTests(SynchronousTestCase):
    def test_what_was_emitted_parses_back(self) -> None:
        data = emit_relayed_signal(NODE, b"a blob")
        self.assertEqual((data[0], parse_relayed_signal(data)), (0x94, (NODE, b"a blob")))

    def test_one_without_a_blob_is_none(self) -> None:
        with self.assertRaises(ParseError):
            parse_relayed_signal(emit_relayed_signal(NODE, b""))

    def test_a_handshake_datagram_is_none(self) -> None:
        for first in (b"\x90", b"\x91", b"\x92"):
            with self.assertRaises(ParseError):
                parse_relayed_signal(emit_relayed_signal(NODE, first + bytes(200)))

    @given(st.binary(max_size=64))
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_a_parse_error(self, data: bytes) -> None:
        try:
            sender, blob = parse_relayed_signal(data)
        except ParseError:
            return
        self.assertTrue(is_relayed_signal(data))
        self.assertEqual(emit_relayed_signal(sender, blob), data)
