"""Cutting super-frames and merging their parts: through both buffers, sealed and opened in between."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.checksum import is_transport_sum_right, word_sum
from zerogo.dataplane.merge import Merger
from zerogo.dataplane.offloads import Offloads
from zerogo.dataplane.vnet import GSO_ECN, GSO_TCPV4, GSO_TCPV6, GSO_UDP, NEEDS_CHECKSUM, VNET, VNET_BYTES
from zerogo.test.dataplane import frames as f

FAMILIES = st.booleans()
VLANS = st.sampled_from([b"", b"\x81\x00\x00\x05"])
FLAGS = st.sampled_from([f.ACK, f.ACK | f.PSH, f.ACK | f.PSH | f.FIN, f.ACK | f.CWR, f.ACK | f.CWR | f.FIN | f.PSH])
OPTIONS = st.integers(0, 10).map(lambda words: bytes(range(words * 4)))
PATHS = st.integers(700, 9000)


def carried(frame: bytes, path_mtu: int = 1472, *offloads: Offloads) -> list[bytes]:
    """What comes out of the other TAP when `frame` comes out of this one."""
    left, right = f.joined(path_mtu=path_mtu, offloads=offloads or None)  # type: ignore[arg-type]
    try:
        left.write(frame)
        right.take_trains_of(left)
        return right.frames()
    finally:
        left.close()
        right.close()


def without_gso(frame: bytes) -> bytes:
    """A frame without the fields of its virtio header that only say how it is to be cut again."""
    flags, kind, _, _, start, offset = VNET.unpack_from(frame)
    return VNET.pack(flags, kind, 0, 0, start, offset) + frame[VNET_BYTES:]


class RoundTripTests(SynchronousTestCase):
    """merge(cut(frame)) == frame."""

    @settings(deadline=None, max_examples=120)
    @given(
        FAMILIES, st.integers(1, 50000), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF), FLAGS, OPTIONS, PATHS, VLANS
    )
    def test_tcp(
        self, is_ipv6: bool, size: int, sequence: int, identification: int, flags: int, options: bytes, path_mtu: int,
        vlan: bytes,
    ) -> None:  # fmt: skip
        # More than one train's worth arrives as more than one super-frame.
        payload = os.urandom(min(size, 60 * (path_mtu - 170)))
        message = f.tcp_message(payload, sequence, flags, options)
        frame = f.partial(f.ip_frame(6, message, is_ipv6, identification, vlan), 6, is_ipv6, 1448, vlan)
        (merged,) = carried(frame, path_mtu)
        if VNET.unpack_from(merged)[1]:
            self.assertEqual(without_gso(frame), without_gso(merged))
        else:
            self.assertEqual(frame[VNET_BYTES:], merged[VNET_BYTES:])

    @settings(deadline=None, max_examples=60)
    @given(FAMILIES, st.integers(1, 1360), st.integers(1, 40), st.integers(1, 1360), st.integers(0, 0xFFFF), VLANS)
    def test_udp(
        self, is_ipv6: bool, gso_size: int, segments: int, last: int, identification: int, vlan: bytes
    ) -> None:
        payload = os.urandom(gso_size * (segments - 1) + min(last, gso_size))
        frame = f.partial(
            f.ip_frame(17, f.udp_message(payload), is_ipv6, identification, vlan), 17, is_ipv6, gso_size, vlan
        )
        (merged,) = carried(frame)
        self.assertEqual(frame[VNET_BYTES:], merged[VNET_BYTES:])
        flags, kind, _, size, start, offset = VNET.unpack_from(merged)
        expected = (GSO_UDP, gso_size) if len(payload) > gso_size else (0, 0)
        self.assertEqual(
            (NEEDS_CHECKSUM, *expected, 14 + len(vlan) + (40 if is_ipv6 else 20), 6), (flags, kind, size, start, offset)
        )

    def test_the_rebuilt_header_says_how_to_cut(self) -> None:
        for is_ipv6, kind in ((False, GSO_TCPV4), (True, GSO_TCPV6)):
            message = f.tcp_message(bytes(30000), flags=f.ACK | f.CWR)
            (merged,) = carried(f.partial(f.ip_frame(6, message, is_ipv6), 6, is_ipv6, 1000))
            flags, gso, _, size, start, offset = VNET.unpack_from(merged)
            self.assertEqual((NEEDS_CHECKSUM, kind | GSO_ECN), (flags, gso))
            self.assertEqual((14 + (40 if is_ipv6 else 20), 16), (start, offset))
            self.assertEqual(0, (size + 36 + (72 if is_ipv6 else 52)) % 8)


class CutTests(SynchronousTestCase):
    """The frames on the wire are what any receiver takes: here one that never merges."""

    def cut(self, message: bytes, path_mtu: int = 1472, elide: bool = True, is_ipv6: bool = False) -> list[bytes]:
        frame = f.partial(f.ip_frame(message_protocol(message), message, is_ipv6, 0xFFF0), 6, is_ipv6, 1448)
        return carried(frame, path_mtu, Offloads(checksum_elision=elide), Offloads(tap_gso_write=False))

    def test_each_frame_is_complete(self) -> None:
        payload = os.urandom(40000)
        for elide in (True, False):
            parts = self.cut(f.tcp_message(payload, 2**32 - 5000, f.ACK | f.CWR | f.PSH | f.FIN), elide=elide)
            self.assertGreater(len(parts), 20)
            received, sequence = b"", 2**32 - 5000
            for index, part in enumerate(parts):
                frame = memoryview(bytearray(part))[VNET_BYTES:]
                self.assertEqual(0, word_sum(frame[14:34]))
                self.assertEqual(len(frame) - 14, int.from_bytes(frame[16:18], "big"))
                self.assertEqual((0xFFF0 + index) & 0xFFFF, int.from_bytes(frame[18:20], "big"))
                self.assertEqual(sequence & 0xFFFFFFFF, int.from_bytes(frame[38:42], "big"))
                expected = f.ACK | (f.CWR if index == 0 else 0) | (f.PSH | f.FIN if index == len(parts) - 1 else 0)
                self.assertEqual(expected, frame[47])
                if not elide:
                    self.assertTrue(is_transport_sum_right(frame, 14, 34, 6, len(frame)))
                received += frame[66:]
                sequence += len(frame) - 66
            self.assertEqual(payload, received)

    def test_no_datagram_is_larger_than_the_path(self) -> None:
        for path_mtu in (1064, 1252, 1452, 1472):
            left, right = f.joined(path_mtu=path_mtu)
            self.addCleanup(left.close)
            self.addCleanup(right.close)
            left.write(f.partial(f.ip_frame(6, f.tcp_message(bytes(60000))), 6, gso_size=1448))
            sizes = [len(datagram) for datagram in left.sender.datagrams()]
            self.assertLessEqual(max(sizes), path_mtu)
            self.assertGreater(max(sizes), path_mtu - 8)
            self.assertEqual(0, left.tally.fragments_out)

    def test_udp_larger_than_the_path_goes_in_fragments(self) -> None:
        frame = f.partial(f.ip_frame(17, f.udp_message(os.urandom(14400))), 17, gso_size=1440)
        left, right = f.joined(path_mtu=1200)
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        left.write(frame)
        self.assertLessEqual(max(map(len, left.sender.datagrams())), 1200)
        right.take_trains_of(left)
        self.assertEqual(10, len(right.frames()))

    def test_alternating_shapes_lose_nothing(self) -> None:
        left, right = f.joined()
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        for is_ipv6, size in ((False, 30000), (True, 40000), (False, 1400), (True, 9), (False, 58000), (True, 2000)):
            frame = f.partial(
                f.ip_frame(6, f.tcp_message(os.urandom(size)), is_ipv6), 6, is_ipv6, 1400 if size > 1400 else 0
            )
            left.write(frame)
            right.take_trains_of(left)
            self.assertEqual([frame[VNET_BYTES:]], [merged[VNET_BYTES:] for merged in right.frames()])


def message_protocol(message: bytes) -> int:
    return 6 if len(message) > 40 else 17


class HostileRunTests(SynchronousTestCase):
    """What an authentic but hostile peer claims about a run is not believed."""

    STRIDE = 4 + 52 + 1000

    def merge(self, segments: list[bytes], last: int | None = None, is_trusted: bool = True) -> list[object] | None:
        buffer = bytearray(64 + self.STRIDE * len(segments))
        for index, segment in enumerate(segments):
            at = 64 + index * self.STRIDE + 4
            buffer[at : at + len(segment)] = segment
        merger = Merger(memoryview(buffer), 64)
        last_bytes = 4 + len(segments[-1]) if last is None else last
        return merger.merge(self.STRIDE, 0, len(segments), last_bytes, bytes(14), is_trusted)  # type: ignore[return-value]

    def segments(self, count: int = 4, flags: int = f.ACK, size: int = 1000) -> list[bytes]:
        return [
            f.ip_frame(6, f.tcp_message(bytes(size), 1000 + index * size, flags), identification=index)[14:]
            for index in range(count)
        ]

    def changed(self, index: int, offset: int, value: int) -> list[bytes]:
        segments = self.segments()
        segments[index] = segments[index][:offset] + bytes([value]) + segments[index][offset + 1 :]
        return segments

    def test_an_honest_run_is_merged(self) -> None:
        self.assertIsNotNone(self.merge(self.segments()))

    def test_any_difference_in_the_headers_refuses(self) -> None:
        # Every byte of the IPv4 and TCP header of a segment in the middle but the checksums, which are made anew.
        for offset in range(52):
            if offset in (10, 11, 36, 37):
                continue
            original = self.segments()[2][offset]
            self.assertIsNone(self.merge(self.changed(2, offset, original ^ 1)), offset)

    def test_flags_that_end_or_reset_refuse_in_the_middle(self) -> None:
        for flags in (f.ACK | f.FIN, f.ACK | f.PSH, f.ACK | 0x04, f.ACK | 0x02, f.ACK | 0x20, f.ACK | f.CWR, 0):
            self.assertIsNone(self.merge(self.changed(1, 33, flags)), flags)

    def test_a_run_of_syn_or_reset_segments_refuses(self) -> None:
        for flags in (0x02, 0x04, f.ACK | 0x02, 0):
            self.assertIsNone(self.merge(self.segments(flags=flags)), flags)

    def test_a_last_segment_that_lies_about_its_length_refuses(self) -> None:
        self.assertIsNone(self.merge(self.segments(), last=4 + 52 + 10))

    def test_tiny_tcp_segments_refuse(self) -> None:
        self.STRIDE = 4 + 52 + 8
        self.assertIsNone(self.merge(self.segments(size=8)))

    def test_no_payload_refuses(self) -> None:
        self.STRIDE = 4 + 52
        self.assertIsNone(self.merge(self.segments(size=0)))

    def test_more_than_an_ip_packet_holds_refuses(self) -> None:
        self.assertIsNone(self.merge(self.segments(count=66)))

    def test_ip_fragments_refuse(self) -> None:
        self.assertIsNone(self.merge([segment[:6] + b"\x20" + segment[7:] for segment in self.segments()]))

    def test_tunnels_over_udp_are_not_merged(self) -> None:
        self.STRIDE = 4 + 28 + 1000
        for port, is_merged in ((4789, False), (6081, False), (5000, True)):
            segments = [
                f.ip_frame(17, f.udp_message(bytes(1000), port), identification=index)[14:] for index in range(3)
            ]
            self.assertEqual(is_merged, self.merge(segments) is not None, port)

    def test_wrong_checksums_refuse_where_they_count(self) -> None:
        segments = self.segments()
        self.assertIsNone(self.merge(segments, is_trusted=False))

    @settings(deadline=None, max_examples=150)
    @given(st.lists(st.binary(min_size=1056, max_size=1056), min_size=2, max_size=3), st.integers(0, 1056))
    def test_segments_of_nothing_in_common_are_not_merged(self, segments: list[bytes], last: int) -> None:
        fixed = [b"\x45" + segment[1:6] + b"\0\0\x40\x06" + segment[10:1052] for segment in segments]
        for run in ([segment[:1052] for segment in segments], fixed):
            # Checksums are right by chance in one of 65,536.
            self.assertIsNone(self.merge(run, last, is_trusted=False))
