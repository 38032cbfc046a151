"""Tests for zerogo.wire.datagram."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.wire.datagram import STUN_MAGIC_COOKIE, DatagramKind, classify

OURS = {
    0x90: DatagramKind.INITIATION,
    0x91: DatagramKind.RESPONSE,
    0x92: DatagramKind.COOKIE_REPLY,
    0x93: DatagramKind.TRANSPORT,
    0x94: DatagramKind.RELAYED_SIGNAL,
    0x98: DatagramKind.FORWARD,
}


def expected(first: int) -> DatagramKind:
    if 0x40 <= first <= 0x4F:
        return DatagramKind.CHANNEL_DATA
    return OURS.get(first, DatagramKind.UNKNOWN)


class ClassifyTests(SynchronousTestCase):
    def test_nothing_is_unknown(self) -> None:
        self.assertEqual(classify(b""), DatagramKind.UNKNOWN)

    def test_every_first_byte_without_a_magic_cookie(self) -> None:
        for first in range(256):
            self.assertEqual(classify(bytes([first]) + bytes(40)), expected(first), hex(first))

    def test_stun_needs_its_magic_cookie_and_a_whole_header(self) -> None:
        header = b"\x00\x01\x00\x00" + STUN_MAGIC_COOKIE + bytes(12)
        self.assertEqual(classify(header), DatagramKind.STUN)
        self.assertEqual(classify(header[:19]), DatagramKind.UNKNOWN)
        self.assertEqual(classify(b"\x03" + header[1:]), DatagramKind.STUN)
        self.assertEqual(classify(b"\x04" + header[1:]), DatagramKind.UNKNOWN)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60))
    def test_never_raises(self, data: bytes) -> None:
        self.assertIsInstance(classify(data), DatagramKind)
