from __future__ import annotations

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.neighbor import LOCAL, NeighborTable, link_local_address

OURS, THEIRS, OTHER = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2", b"\x02\0\0\0\0\3"
BROADCAST = b"\xff" * 6


def ip4(text: str) -> bytes:
    return ipaddress.IPv4Address(text).packed


def ip6(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


def arp(operation: int, sender_mac: bytes, sender: str, target: str, source: bytes = OURS) -> bytes:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_mac + ip4(sender) + bytes(6) + ip4(target)
    return BROADCAST + source + b"\x08\x06" + body


def nd(kind: int, source: str, target: str, hop_limit: int = 255, before: bytes = b"", first: int = 58) -> bytes:
    message = before + struct.pack("!BBHI", kind, 0, 0, 0) + ip6(target) + b"\1\1" + OURS
    header = struct.pack("!IHBB", 6 << 28, len(message), first, hop_limit) + ip6(source) + ip6("ff02::1:ff00:2")
    return b"\x33\x33\xff\0\0\2" + OURS + b"\x86\xdd" + header + message


def sums_to_zero(frame: bytes) -> bool:
    packet = frame[14:]
    pseudo = packet[8:40] + struct.pack("!IxxxB", len(packet) - 40, 58)
    return int.from_bytes(pseudo + packet[40:], "big") % 0xFFFF == 0


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = NeighborTable()
        self.table.set_addresses(LOCAL, OURS, ["10.7.0.1", "fd00::1"])
        self.table.set_addresses(5, THEIRS, ["10.7.0.2", "fd00::2"])

    def test_a_known_address_is_answered(self) -> None:
        reply = self.table.answer(arp(1, OURS, "10.7.0.1", "10.7.0.2"))
        assert reply is not None
        self.assertEqual(OURS + THEIRS + b"\x08\x06", reply[:14])
        self.assertEqual(struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2), reply[14:22])
        self.assertEqual(THEIRS + ip4("10.7.0.2") + OURS + ip4("10.7.0.1"), reply[22:])

    def test_a_probe_for_a_duplicate_is_answered(self) -> None:
        self.assertIsNotNone(self.table.answer(arp(1, OURS, "0.0.0.0", "10.7.0.2")))

    def test_unknown_own_and_announced_addresses_are_not(self) -> None:
        for sender, target in (("10.7.0.1", "10.7.0.9"), ("10.7.0.9", "10.7.0.1"), ("10.7.0.2", "10.7.0.2")):
            self.assertIsNone(self.table.answer(arp(1, OURS, sender, target)), target)
        self.assertIsNone(self.table.answer(arp(2, OURS, "10.7.0.1", "10.7.0.2")))

    def test_a_solicitation_is_answered_with_a_right_checksum(self) -> None:
        reply = self.table.answer(nd(135, "fd00::1", "fd00::2"))
        assert reply is not None
        self.assertEqual(OURS + THEIRS + b"\x86\xdd", reply[:14])
        self.assertEqual(ip6("fd00::2") + ip6("fd00::1"), reply[22:54])
        self.assertEqual((136, 0, 255), (reply[54], reply[55], reply[21]))
        self.assertEqual(0x60, reply[58])
        self.assertEqual(ip6("fd00::2") + b"\2\1" + THEIRS, reply[62:])
        self.assertTrue(sums_to_zero(reply))

    def test_a_link_local_address_follows_from_the_mac(self) -> None:
        address = str(ipaddress.IPv6Address(link_local_address(THEIRS)))
        self.assertEqual("fe80::ff:fe00:2", address)
        self.assertIsNotNone(self.table.answer(nd(135, "fe80::1", address)))

    def test_detection_of_duplicates_is_answered_to_all_nodes(self) -> None:
        reply = self.table.answer(nd(135, "::", "fd00::2"))
        assert reply is not None
        self.assertEqual(bytes.fromhex("333300000001"), reply[:6])
        self.assertEqual(ip6("ff02::1"), reply[38:54])
        self.assertEqual(0x20, reply[58])
        self.assertTrue(sums_to_zero(reply))

    def test_a_solicitation_from_beyond_the_link_is_not_answered(self) -> None:
        self.assertIsNone(self.table.answer(nd(135, "fd00::1", "fd00::2", hop_limit=64)))

    def test_an_address_that_two_had_stays_with_the_one_left(self) -> None:
        self.table.set_addresses(6, OTHER, ["10.7.0.2"])
        self.table.remove(6)
        reply = self.table.answer(arp(1, OURS, "10.7.0.1", "10.7.0.2"))
        assert reply is not None
        self.assertEqual(THEIRS, reply[6:12])

    @settings(deadline=None, max_examples=150)
    @given(st.binary(max_size=100), st.sampled_from([b"\x08\x06", b"\x86\xdd", b"\x08\x00"]))
    def test_no_frame_raises(self, rest: bytes, ethertype: bytes) -> None:
        self.table.answer(BROADCAST + OURS + ethertype + rest)
        self.table.refuses(5, int.from_bytes(ethertype, "big"), rest)


class GuardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = NeighborTable()
        self.table.set_addresses(LOCAL, OURS, ["10.7.0.1", "fd00::1"])
        self.table.set_addresses(5, THEIRS, ["10.7.0.2", "fd00::2"])
        self.table.set_addresses(6, OTHER, ["10.7.0.3", "fd00::3"])

    def refuses(self, frame: bytes) -> bool:
        return self.table.refuses(5, frame[12] << 8 | frame[13], frame[14:])

    def test_a_peer_may_speak_for_itself_and_for_unknown_addresses(self) -> None:
        for operation in (1, 2):
            self.assertFalse(self.refuses(arp(operation, THEIRS, "10.7.0.2", "10.7.0.1")))
            self.assertFalse(self.refuses(arp(operation, THEIRS, "192.168.1.5", "10.7.0.1")))
        self.assertFalse(self.refuses(nd(136, "fd00::2", "fd00::2")))
        self.assertFalse(self.refuses(nd(135, "fd00::2", "fd00::3")))

    def test_a_peer_may_not_claim_anothers_address_nor_ours(self) -> None:
        for sender in ("10.7.0.1", "10.7.0.3"):
            for operation in (1, 2):
                self.assertTrue(self.refuses(arp(operation, THEIRS, sender, "10.7.0.9")))
        for target in ("fd00::1", "fd00::3", str(ipaddress.IPv6Address(link_local_address(OTHER)))):
            self.assertTrue(self.refuses(nd(136, "fd00::2", target)))
            self.assertTrue(self.refuses(nd(135, target, "fd00::9")))

    def test_extension_headers_are_no_way_around(self) -> None:
        for kind in (0, 43, 60):
            self.assertTrue(self.refuses(nd(136, "fd00::2", "fd00::3", before=b"\x3a\0" + bytes(6), first=kind)))
        chain = b"\x3c\0" + bytes(6) + b"\x3a\1" + bytes(14)
        self.assertTrue(self.refuses(nd(136, "fd00::2", "fd00::3", before=chain, first=0)))

    def test_a_cut_short_claim_is_refused(self) -> None:
        self.assertTrue(self.table.refuses(5, 0x0806, arp(1, THEIRS, "10.7.0.2", "10.7.0.1")[14:-1]))
        self.assertTrue(self.table.refuses(5, 0x86DD, nd(136, "fd00::2", "fd00::2")[14 : 14 + 60]))
