"""Tests for zerogo.cli.icmp."""

import os
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.cli.icmp import Pinger, checksum, echo_request, parse_reply

IPV4_HEADER = b"\x45" + bytes(19)


class EchoTests(SynchronousTestCase):
    def test_the_checksum_of_rfc_1071(self) -> None:
        self.assertEqual(checksum(bytes.fromhex("0001f203f4f5f6f7")), ~0xDDF2 & 0xFFFF)

    def test_a_request_sums_to_zero(self) -> None:
        self.assertEqual(checksum(echo_request(4, 7, 1)), 0)

    def test_a_reply_to_us_is_known_by_identifier(self) -> None:
        reply = struct.pack("!BBHHH", 0, 0, 0, 7, 3)
        self.assertEqual(parse_reply(4, IPV4_HEADER + reply, 7), 3)
        self.assertIsNone(parse_reply(4, IPV4_HEADER + reply, 8))
        self.assertEqual(parse_reply(6, b"\x81" + reply[1:], 7), 3)

    def test_our_own_request_is_no_reply(self) -> None:
        self.assertIsNone(parse_reply(4, IPV4_HEADER + echo_request(4, 7, 1), 7))

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from([4, 6]), st.binary(max_size=80))
    def test_garbage_is_no_reply(self, version: int, packet: bytes) -> None:
        self.assertIn(type(parse_reply(version, packet, 70000)), (type(None),))

    def test_this_machine_answers_itself(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("needs root")
        with Pinger("127.0.0.1") as pinger:
            self.assertIsNotNone(pinger.ping(1, 2.0))
