"""TURN's messages: round trips, golden bytes, and what garbage does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError, ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import Attribute
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.turn.attributes import (
    ChannelNumber,
    Data,
    DontFragment,
    EvenPort,
    Lifetime,
    PeerGrant,
    RequestedAddressFamily,
    RequestedTransport,
    ReservationToken,
    XorPeerAddress,
    XorRelayedAddress,
)
from zerogo.turn.message import (
    ChannelData,
    TurnMethod,
    emit_channel_data,
    is_channel_data,
    parse,
    parse_channel_data,
)

addresses = st.builds(
    lambda ip, port: SocketAddress.of(str(ip), port),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65535),
)
bytes_of_one = st.integers(0, 255)
attributes: st.SearchStrategy[Attribute] = st.one_of(
    st.builds(ChannelNumber, st.integers(0, 0xFFFF)),
    st.builds(Lifetime, st.integers(0, 2**32 - 1)),
    st.builds(XorPeerAddress, addresses),
    st.builds(XorRelayedAddress, addresses),
    st.builds(Data, st.binary(max_size=200)),
    st.builds(RequestedAddressFamily, bytes_of_one),
    st.builds(EvenPort, bytes_of_one),
    st.builds(RequestedTransport, bytes_of_one),
    st.just(DontFragment()),
    st.builds(ReservationToken, st.binary(min_size=8, max_size=8)),
    st.builds(PeerGrant, st.binary(max_size=40)),
)
messages = st.builds(
    Message,
    st.sampled_from(TurnMethod),
    st.sampled_from(MessageClass),
    st.binary(min_size=12, max_size=12),
    st.lists(attributes, max_size=6).map(tuple),
)


class MessageTests(SynchronousTestCase):
    @given(messages)
    @settings(deadline=None, max_examples=200)
    def test_what_is_emitted_is_read_back(self, message: Message) -> None:
        self.assertEqual(parse(emit(message, fingerprint=False)), message)

    @given(messages, st.data())
    @settings(deadline=None, max_examples=200)
    def test_damaged_messages_raise_parse_errors_only(self, message: Message, data: st.DataObject) -> None:
        damaged = bytearray(emit(message, fingerprint=False))
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(bytes_of_one)
        try:
            parse(bytes(damaged))
        except ParseError:
            return

    def test_reserved_bytes_are_zero_and_are_not_read(self) -> None:
        self.assertEqual(RequestedTransport(17).emit_value(b""), b"\x11\0\0\0")
        self.assertEqual(ChannelNumber(0x4001).emit_value(b""), b"\x40\x01\0\0")
        self.assertEqual(ChannelNumber.parse_value(b"\x40\x01\xff\xff", b""), ChannelNumber(0x4001))

    def test_known_attributes_are_not_unknown(self) -> None:
        message = Message(TurnMethod.ALLOCATE, MessageClass.REQUEST, bytes(12), (RequestedTransport(17),))
        self.assertEqual(parse(emit(message)).unknown_required, ())

    def test_wrong_lengths_are_refused(self) -> None:
        for kind, value in ((ReservationToken, bytes(7)), (DontFragment, b"\0"), (Lifetime, bytes(3))):
            self.assertRaises(ParseError, kind.parse_value, value, bytes(12))


class ChannelDataTests(SynchronousTestCase):
    def test_bytes_of_rfc_8656(self) -> None:
        self.assertEqual(emit_channel_data(0x4001, b"hello"), b"\x40\x01\x00\x05hello")
        self.assertEqual(emit_channel_data(0x4001, b"hello", is_padded=True), b"\x40\x01\x00\x05hello\0\0\0")

    @given(st.integers(0x4000, 0x7FFF), st.binary(max_size=300), st.booleans())
    @settings(deadline=None, max_examples=100)
    def test_what_is_emitted_is_read_back(self, number: int, data: bytes, is_padded: bool) -> None:
        self.assertEqual(parse_channel_data(emit_channel_data(number, data, is_padded)), ChannelData(number, data))

    @given(st.binary(max_size=60))
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_errors_only(self, data: bytes) -> None:
        try:
            self.assertLessEqual(len(parse_channel_data(data).data), len(data))
            self.assertTrue(is_channel_data(data))
        except ParseError:
            return

    def test_length_beyond_the_datagram_is_refused(self) -> None:
        self.assertRaises(ParseError, parse_channel_data, b"\x40\x01\x00\x06hello")

    def test_what_cannot_be_emitted(self) -> None:
        self.assertRaises(LocalError, emit_channel_data, 0x3FFF, b"")
        self.assertRaises(LocalError, emit_channel_data, 0x8000, b"")
        self.assertRaises(LocalError, emit_channel_data, 0x4000, bytes(65536))
