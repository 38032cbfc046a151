from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.checksum import (
    complement,
    complete_partial,
    is_transport_sum_right,
    word_sum,
    write_ipv4_header_sum,
    write_pseudo_sum,
)
from zerogo.test.dataplane import frames as f


def naive(data: bytes) -> int:
    """RFC 1071 word by word."""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | (data[at + 1] if at + 1 < len(data) else 0)
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


class ChecksumTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.binary(min_size=1, max_size=1500).filter(any))
    def test_the_fast_sum_is_the_naive_one(self, data: bytes) -> None:
        self.assertEqual(naive(data), complement(word_sum(data)))

    def test_the_vector_of_rfc_1071(self) -> None:
        self.assertEqual(0xDDF2, word_sum(bytes.fromhex("0001f203f4f5f6f7")))

    @settings(deadline=None, max_examples=120)
    @given(st.booleans(), st.booleans(), st.binary(max_size=300))
    def test_a_partial_sum_is_completed_to_the_one_a_receiver_takes(
        self, is_tcp: bool, is_ipv6: bool, data: bytes
    ) -> None:
        protocol = 6 if is_tcp else 17
        message = f.tcp_message(data) if is_tcp else f.udp_message(data)
        frame = memoryview(bytearray(f.ip_frame(protocol, message, is_ipv6)))
        transport = 54 if is_ipv6 else 34
        complete_partial(frame, transport, 16 if is_tcp else 6, len(frame))
        self.assertTrue(is_transport_sum_right(frame, 14, transport, protocol, len(frame)))
        if is_ipv6:
            pseudo = bytes(frame[22:54]) + len(message).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
        else:
            pseudo = bytes(frame[26:34]) + bytes([0, protocol]) + len(message).to_bytes(2, "big")
        self.assertEqual(0, naive(pseudo + bytes(frame[transport:])))

    def test_a_udp_sum_of_zero_is_written_as_all_ones(self) -> None:
        for value in range(0x10000):
            frame = memoryview(bytearray(f.ip_frame(17, f.udp_message(value.to_bytes(2, "big")))))
            complete_partial(frame, 34, 6, len(frame))
            if frame[40:42] == b"\xff\xff":
                self.assertTrue(is_transport_sum_right(frame, 14, 34, 17, len(frame)))
                return
            self.assertNotEqual(b"\0\0", bytes(frame[40:42]))
        self.fail("no payload has that sum")

    def test_a_changed_byte_is_noticed(self) -> None:
        frame = memoryview(bytearray(f.ip_frame(6, f.tcp_message(b"some payload"))))
        complete_partial(frame, 34, 16, len(frame))
        for at in range(34, len(frame)):
            frame[at] ^= 1
            self.assertFalse(is_transport_sum_right(frame, 14, 34, 6, len(frame)), at)
            frame[at] ^= 1

    def test_udp_without_a_sum_is_not_right(self) -> None:
        frame = memoryview(bytearray(f.ip_frame(17, f.udp_message(b"x"))))
        frame[40:42] = b"\0\0"
        self.assertFalse(is_transport_sum_right(frame, 14, 34, 17, len(frame)))

    def test_the_header_sum_of_ipv4(self) -> None:
        frame = memoryview(bytearray(f.ip_frame(6, f.tcp_message(b"x"))))
        write_ipv4_header_sum(frame, 14)
        self.assertEqual(0, naive(bytes(frame[14:34])))

    def test_what_a_peer_left_in_the_field_does_not_count(self) -> None:
        frame = memoryview(bytearray(f.ip_frame(6, f.tcp_message(b"x"))))
        expected = bytes(frame)
        frame[50:52] = b"\x12\x34"
        write_pseudo_sum(frame, 14, 34, 6, len(frame))
        self.assertEqual(expected, bytes(frame))
