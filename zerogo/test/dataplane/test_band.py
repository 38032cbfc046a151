"""Tests for zerogo.dataplane.band."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.band import band_of, flow_hash
from zerogo.dataplane.packet import network_offset
from zerogo.test.dataplane import frames as f
from zerogo.test.wire.test_golden import load
from zerogo.wire.transport import Band


def hashed(frame: bytes) -> int:
    return flow_hash(frame, network_offset(frame, 0, len(frame)), len(frame))


def udp(port: int, payload: bytes = b"x" * 20, is_ipv6: bool = False) -> bytes:
    return f.ip_frame(17, f.udp_message(payload, port), is_ipv6)


class BandTests(SynchronousTestCase):
    def test_each_golden_frame_has_its_band(self) -> None:
        cases = load()["bands"]
        self.assertEqual({Band.REALTIME, Band.BULK}, {case["band"] for case in cases})
        for case in cases:
            frame = bytes.fromhex(case["frame"])
            self.assertEqual(case["band"], band_of(frame, network_offset(frame, 0, len(frame)), len(frame)), case)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(min_size=14, max_size=80))
    def test_any_frame_has_a_band_and_a_flow(self, frame: bytes) -> None:
        network = network_offset(frame, 0, len(frame))
        self.assertIn(band_of(frame, network, len(frame)), (Band.REALTIME, Band.BULK))
        self.assertLess(flow_hash(frame, network, len(frame)), 1 << 32)


class FlowTests(SynchronousTestCase):
    def test_packets_of_a_flow_hash_alike_whatever_they_carry(self) -> None:
        for is_ipv6 in (False, True):
            first, second = udp(7, b"a" * 10, is_ipv6), udp(7, b"b" * 900, is_ipv6)
            self.assertEqual(hashed(first), hashed(second))

    def test_ports_tell_flows_apart(self) -> None:
        for is_ipv6 in (False, True):
            self.assertEqual(64, len({hashed(udp(port, is_ipv6=is_ipv6)) for port in range(64)}))

    def test_all_pieces_of_a_packet_hash_alike(self) -> None:
        pieces = []
        for offset, message in ((0x2000, f.udp_message(b"x" * 20, 7)), (5, b"y" * 30)):
            frame = bytearray(f.ip_frame(17, message))
            frame[20:22] = offset.to_bytes(2, "big")
            pieces.append(hashed(bytes(frame)))
        self.assertEqual(pieces[0], pieces[1])

    def test_frames_without_ip_keep_to_their_pair_of_addresses(self) -> None:
        one = f.ethernet(0x0806, bytes(28))
        other = f.ethernet(0x0806, b"x" * 28)
        self.assertEqual(hashed(one), hashed(other))
        self.assertNotEqual(hashed(one), hashed(f.ethernet(0x0806, bytes(28), source=b"\x02" * 6)))
