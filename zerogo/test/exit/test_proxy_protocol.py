"""PROXY protocol 2: who the user is, from a balancer."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.proxy_protocol import SIGNATURE, parse_proxy_header
from zerogo.ids import SocketAddress
from zerogo.test.spoiled import spoiled

V4 = SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 8]) + struct.pack("!HH", 5000, 1080)


class ProxyHeaderTests(SynchronousTestCase):
    def test_ipv4_with_payload_after_it(self) -> None:
        found = parse_proxy_header(V4 + b"\x05\x01\x00")
        assert found is not None
        self.assertEqual((found.source, found.length), (SocketAddress("192.0.2.7", 5000), len(V4)))

    def test_ipv6_and_tlvs(self) -> None:
        body = bytes(15) + b"\x01" + bytes(16) + struct.pack("!HH", 1, 2) + b"\x04\x00\x01x"
        found = parse_proxy_header(SIGNATURE + b"\x21\x21" + struct.pack("!H", len(body)) + body)
        assert found is not None
        self.assertEqual(found.source, SocketAddress("::1", 1))

    def test_a_health_check_is_of_nobody(self) -> None:
        found = parse_proxy_header(SIGNATURE + b"\x20\x00\x00\x00")
        assert found is not None
        self.assertIsNone(found.source)

    def test_a_piece_is_waited_for_and_anything_else_refused(self) -> None:
        for end in range(len(V4)):
            self.assertIsNone(parse_proxy_header(V4[:end]))
        for bad in (
            b"\x05\x01",
            b"GET /",
            SIGNATURE + b"\x11\x11\x00\x00",
            SIGNATURE + b"\x21\x31\x00\x0c" + bytes(12),
        ):
            self.assertRaises(ParseError, parse_proxy_header, bad)
        self.assertRaises(ParseError, parse_proxy_header, SIGNATURE + b"\x21\x11\xff\xff")

    @given(st.binary(max_size=60) | spoiled(V4[len(SIGNATURE) :] + b"\x05"))
    @settings(deadline=None, max_examples=150)
    def test_garbage_is_a_header_of_its_length_or_a_piece_or_a_parse_error(self, garbage: bytes) -> None:
        for data in (garbage, SIGNATURE + garbage):
            with contextlib.suppress(ParseError):
                found = parse_proxy_header(data)
                if found is None:
                    self.assertRaises(ParseError, parse_proxy_header, b"\0" + data[1:])
                    continue
                self.assertEqual(int.from_bytes(data[14:16], "big") + 16, found.length)
                self.assertLessEqual(found.length, len(data))
                self.assertEqual(found.source is None, data[12] == 0x20)
