"""Tests for zerogo.net.netlink."""

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.net import netlink
from zerogo.net.netlink import InterfaceAddress, Link, Message, Route


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


class MessageTests(SynchronousTestCase):
    def test_several_messages_of_one_datagram(self) -> None:
        data = message(netlink.NEW_LINK, b"abc") + message(netlink.DONE, b"")
        self.assertEqual(
            list(netlink.parse_messages(data)), [Message(netlink.NEW_LINK, b"abc"), Message(netlink.DONE, b"")]
        )

    def test_a_length_beyond_the_datagram_is_refused(self) -> None:
        self.assertRaises(ParseError, list, netlink.parse_messages(message(16, b"abcd")[:-2]))

    def test_a_length_of_zero_does_not_loop(self) -> None:
        self.assertRaises(ParseError, list, netlink.parse_messages(bytes(32)))

    def test_a_request_is_a_message_with_its_own_length(self) -> None:
        for request in (netlink.dump_request(netlink.GET_LINK, 7), netlink.route_request("2001:db8::1", 8)):
            self.assertEqual(len(list(netlink.parse_messages(request))), 1)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_garbage_raises_only_parse_errors(self, data: bytes) -> None:
        parsers = (netlink.parse_link, netlink.parse_address, netlink.parse_route)
        for parse in (lambda found: list(netlink.parse_messages(found)), *parsers):
            try:
                parse(data)
            except ParseError:
                continue


class BodyTests(SynchronousTestCase):
    def test_a_link_with_its_kind(self) -> None:
        info = attribute(18, attribute(1, b"veth\0"))
        body = struct.pack("=BxHiII", 0, 1, 5, 0x43, 0) + attribute(3, b"zt0\0") + info
        self.assertEqual(netlink.parse_link(body), Link(5, "zt0", 0x43, "veth"))

    def test_hardware_has_no_kind(self) -> None:
        body = struct.pack("=BxHiII", 0, 1, 2, 0x43, 0) + attribute(3, b"eth0\0")
        self.assertEqual(netlink.parse_link(body), Link(2, "eth0", 0x43, ""))

    def test_the_local_address_of_a_point_to_point_link_is_ours(self) -> None:
        body = struct.pack("=BBBBI", 2, 32, 0x80, 0, 5)
        body += attribute(1, bytes([192, 0, 2, 9])) + attribute(2, bytes([192, 0, 2, 1]))
        self.assertEqual(netlink.parse_address(body), InterfaceAddress(5, "192.0.2.1", 32, 0, 0x80))

    def test_the_long_flags_replace_the_short_ones(self) -> None:
        address = ipaddress.ip_address("2001:db8::7").packed
        body = struct.pack("=BBBBI", 10, 64, 0, 0, 5) + attribute(1, address) + attribute(8, struct.pack("=I", 0x140))
        self.assertEqual(netlink.parse_address(body), InterfaceAddress(5, "2001:db8::7", 64, 0, 0x140))

    def test_other_families_are_skipped(self) -> None:
        self.assertIsNone(netlink.parse_address(struct.pack("=BBBBI", 17, 0, 0, 0, 5)))

    def test_a_route_names_the_interface_and_our_address(self) -> None:
        body = struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 0, 0, 1, 0)
        body += attribute(1, bytes(4)) + attribute(4, struct.pack("=I", 3)) + attribute(7, bytes([192, 0, 2, 1]))
        self.assertEqual(netlink.parse_route(body), Route(3, "192.0.2.1"))
        body += attribute(5, bytes([192, 0, 2, 254]))
        self.assertEqual(netlink.parse_route(body), Route(3, "192.0.2.1", "192.0.2.254"))
