"""Tests for zerogo.ids."""

from __future__ import annotations

import hashlib
import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError, ParseError
from zerogo.ids import MacAddress, NetworkId, NodeId, SocketAddress

KEY = bytes(range(32))
NETWORK = NetworkId(b"\x01\x02\x03\x04\x05")
PORTS = st.integers(0, 65535)
GARBAGE = st.one_of(st.text(max_size=60), st.text(alphabet="0123456789abcdef:.[]% =\u0131\u017f", max_size=40))


class NodeIdTests(SynchronousTestCase):
    def test_it_is_80_bits_of_personalised_blake2s(self) -> None:
        node = NodeId.from_key(KEY)
        self.assertEqual(node.raw, hashlib.blake2s(KEY, digest_size=10, person=b"zg-node").digest())
        self.assertEqual(len(str(node)), 16)

    @given(st.binary(min_size=10, max_size=10))
    def test_text_reads_back_in_either_case(self, raw: bytes) -> None:
        node = NodeId(raw)
        self.assertEqual(NodeId.parse(str(node)), node)
        self.assertEqual(NodeId.parse(str(node).upper()), node)

    def test_wrong_length_is_the_callers_fault(self) -> None:
        for length in (0, 9, 11):
            self.assertRaises(LocalError, NodeId, bytes(length))

    def test_letters_that_only_look_like_base32_are_refused(self) -> None:
        """Dotless i and long s become ASCII letters in upper case."""
        for letter in "\u0131\u017f":
            self.assertRaises(ParseError, NodeId.parse, letter + "a" * 15)

    @settings(max_examples=200, deadline=None)
    @given(GARBAGE)
    def test_text_parses_to_what_formats_back_or_raises(self, text: str) -> None:
        try:
            node = NodeId.parse(text)
        except ParseError:
            return
        self.assertEqual(str(node), text.lower())


class NetworkIdTests(SynchronousTestCase):
    @given(st.binary(min_size=5, max_size=5))
    def test_text_has_8_characters_and_reads_back(self, raw: bytes) -> None:
        network = NetworkId(raw)
        self.assertEqual(len(str(network)), 8)
        self.assertEqual(NetworkId.parse(str(network)), network)

    @settings(max_examples=200, deadline=None)
    @given(GARBAGE)
    def test_text_parses_to_what_formats_back_or_raises(self, text: str) -> None:
        try:
            network = NetworkId.parse(text)
        except ParseError:
            return
        self.assertEqual(str(network), text.lower())


class MacAddressTests(SynchronousTestCase):
    @given(st.binary(min_size=32, max_size=32), st.binary(min_size=5, max_size=5))
    def test_a_nodes_address_is_unicast_and_locally_administered(self, key: bytes, network: bytes) -> None:
        address = MacAddress.for_node(NetworkId(network), key)
        self.assertEqual(address.raw[0] & 0x03, 0x02)

    def test_46_bits_are_those_of_the_hash(self) -> None:
        digest = hashlib.blake2s(NETWORK.raw + KEY, digest_size=6, person=b"zg-mac").digest()
        address = MacAddress.for_node(NETWORK, KEY)
        self.assertEqual((address.raw[0] >> 2, address.raw[1:]), (digest[0] >> 2, digest[1:]))

    def test_other_networks_give_other_addresses(self) -> None:
        self.assertNotEqual(MacAddress.for_node(NETWORK, KEY), MacAddress.for_node(NetworkId(b"other"), KEY))

    def test_text_is_in_pairs_of_digits(self) -> None:
        self.assertEqual(str(MacAddress(bytes.fromhex("027a0000000a"))), "02:7a:00:00:00:0a")


class SocketAddressTests(SynchronousTestCase):
    @given(st.ip_addresses(v=4), PORTS)
    def test_ipv4_text_reads_back(self, address: ipaddress.IPv4Address, port: int) -> None:
        there = SocketAddress.of(str(address), port)
        self.assertEqual(SocketAddress.parse(f"{address}:{port}"), there)
        self.assertEqual(str(there), f"{address}:{port}")
        self.assertFalse(there.is_ipv6)

    @given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None), PORTS)
    def test_ipv6_text_reads_back_whatever_its_spelling(self, address: ipaddress.IPv6Address, port: int) -> None:
        there = SocketAddress.of(address.exploded, port)
        self.assertEqual(SocketAddress.parse(str(there)), there)
        self.assertEqual(str(there), f"[{address.compressed}]:{port}")
        self.assertTrue(there.is_ipv6)

    def test_a_mapped_address_is_ipv4(self) -> None:
        self.assertEqual(SocketAddress.parse("[::ffff:192.0.2.1]:9"), SocketAddress("192.0.2.1", 9))

    def test_what_is_no_address_and_port_is_refused(self) -> None:
        for text in (
            "",
            ":1",
            "192.0.2.1",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:-1",
            "192.0.2.1:+1",
            "192.0.2.1:\u0661",
            "192.0.2.256:1",
            "2001:db8::1:9",
            "[2001:db8::1]",
            "[fe80::1%eth0]:9",
            "example.org:9",
        ):
            self.assertRaises(ParseError, SocketAddress.parse, text)

    def test_port_out_of_range_is_refused(self) -> None:
        for port in (-1, 65536):
            self.assertRaises(ParseError, SocketAddress.of, "192.0.2.1", port)

    @settings(max_examples=200, deadline=None)
    @given(GARBAGE)
    def test_text_parses_to_a_canonical_value_or_raises(self, text: str) -> None:
        try:
            there = SocketAddress.parse(text)
        except ParseError:
            return
        self.assertEqual(SocketAddress.parse(str(there)), there)
