"""What the internet knows of IP."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.packet import destination, fragments, may_fragment, too_big
from zerogo.test.lab.packets import ipv4, ipv6, sums_to_zero

A, B = "5.10.1.1", "5.10.2.1"
A6, B6 = "2a10:5a:1::1", "2a10:5a:2::1"
ROUTER, ROUTER6 = ipaddress.ip_address("5.0.0.1").packed, ipaddress.ip_address("2a10:5a::1").packed


class AddressTests(SynchronousTestCase):
    def test_destination_of_both_families(self) -> None:
        for packet, b in ((ipv4(A, B), B), (ipv6(A6, B6), B6)):
            self.assertEqual(destination(packet), ipaddress.ip_address(b).packed)

    def test_multicast_and_link_local_go_nowhere(self) -> None:
        for packet in (ipv4(A, "224.0.0.1"), ipv4(A, "255.255.255.255"), ipv6(A6, "ff02::2"), ipv6(A6, "fe80::1")):
            self.assertIsNone(destination(packet))

    @given(st.binary(max_size=80))
    @settings(max_examples=200, deadline=None)
    def test_garbage_never_raises(self, octets: bytes) -> None:
        found = destination(octets)
        self.assertIn(None if found is None else len(found), (None, 4, 16))


class FragmentTests(SynchronousTestCase):
    def test_df_and_ipv6_are_never_cut(self) -> None:
        self.assertFalse(may_fragment(ipv4(A, B, df=True)))
        self.assertFalse(may_fragment(ipv6(A6, B6)))
        self.assertTrue(may_fragment(ipv4(A, B, df=False)))

    @given(st.binary(min_size=1, max_size=4000), st.integers(576, 1500))
    @settings(max_examples=100, deadline=None)
    def test_pieces_fit_and_make_the_whole_again(self, payload: bytes, mtu: int) -> None:
        pieces = fragments(ipv4(A, B, payload, df=False), mtu)
        whole = b""
        for index, piece in enumerate(pieces):
            length, flags = struct.unpack_from("!HxxH", piece, 2)
            self.assertLessEqual(len(piece), mtu)
            self.assertEqual(length, len(piece))
            self.assertTrue(sums_to_zero(piece[:20]))
            self.assertEqual((flags & 0x1FFF) * 8, len(whole))
            self.assertEqual(bool(flags & 0x2000), index < len(pieces) - 1)
            whole += piece[20:]
        self.assertEqual(whole, payload)

    def test_cutting_a_middle_fragment_keeps_more_to_come(self) -> None:
        first = fragments(ipv4(A, B, bytes(2000), df=False), 1500)[0]
        for piece in fragments(first, 600):
            self.assertTrue(struct.unpack_from("!H", piece, 6)[0] & 0x2000)


class TooBigTests(SynchronousTestCase):
    def test_ipv4_sender_is_told_the_mtu(self) -> None:
        packet = ipv4(A, B, b"x" * 1400)
        error = too_big(packet, 1280, ROUTER)
        assert error is not None
        self.assertTrue(sums_to_zero(error[:20]) and sums_to_zero(error[20:]))
        self.assertEqual((error[12:16], destination(error)), (ROUTER, packet[12:16]))
        self.assertEqual(struct.unpack_from("!BB4xH", error, 20), (3, 4, 1280))
        self.assertTrue(packet.startswith(error[28:]) and len(error) <= 576)

    def test_ipv6_sender_is_told_the_mtu(self) -> None:
        packet = ipv6(A6, B6, b"x" * 1400)
        error = too_big(packet, 1280, ROUTER6)
        assert error is not None
        body = error[40:]
        self.assertEqual((body[0], struct.unpack_from("!I", body, 4)[0], len(error)), (2, 1280, 1280))
        self.assertTrue(sums_to_zero(error[8:40] + struct.pack("!II", len(body), 58) + body))

    def test_no_error_about_an_error(self) -> None:
        self.assertIsNone(too_big(ipv4(A, B, b"\x03\x04" + bytes(1400), protocol=1), 1280, ROUTER))
        self.assertIsNone(too_big(ipv6(A6, B6, b"\x02\x00" + bytes(1400), next_header=58), 1280, ROUTER6))
        self.assertIsNotNone(too_big(ipv4(A, B, b"\x08\x00" + bytes(1400), protocol=1), 1280, ROUTER))
