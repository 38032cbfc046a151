from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.packet import network_offset, transport_of
from zerogo.test.dataplane import frames as f


class PacketTests(SynchronousTestCase):
    def test_tcp_and_udp_are_found_in_both_families_and_behind_tags(self) -> None:
        tag = b"\x81\x00\x00\x05"
        for is_ipv6 in (False, True):
            for vlan in (b"", tag, tag + tag):
                frame = f.ip_frame(6, f.tcp_message(b"payload"), is_ipv6, vlan=vlan)
                network = network_offset(frame, 0, len(frame))
                self.assertEqual(14 + len(vlan), network)
                transport = network + (40 if is_ipv6 else 20)
                self.assertEqual((transport, 6, transport + 32), transport_of(frame, network, len(frame)))
        udp = f.ip_frame(17, f.udp_message(b""))
        self.assertEqual((34, 17, 42), transport_of(udp, 14, len(udp)))

    def test_what_cannot_be_cut_is_not_recognised(self) -> None:
        frame = f.ip_frame(6, f.tcp_message(b"payload"))
        for offset, value in ((20, 0x20), (21, 1), (14, 0x44), (14, 0x55), (23, 1), (46, 0x40)):
            changed = frame[:offset] + bytes([value]) + frame[offset + 1 :]
            self.assertIsNone(transport_of(changed, 14, len(changed)), (offset, value))
        self.assertEqual(0, network_offset(f.ethernet(0x0806, bytes(28)), 0, 42))
        self.assertEqual(0, network_offset(f.ethernet(0x8100, b"\0\0\x81\0\0\0\x81\0" + bytes(40)), 0, 62))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=120))
    def test_offsets_never_point_outside(self, data: bytes) -> None:
        network = network_offset(data, 0, len(data))
        if network:
            self.assertLessEqual(network, len(data))
            located = transport_of(data, network, len(data))
            if located:
                self.assertLessEqual(located[2], len(data))
                self.assertLess(located[0], located[2])
