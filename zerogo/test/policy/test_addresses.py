"""Spellings of places that strangers must not have traffic sent to, and of places that they may."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError, ParseError
from zerogo.policy.addresses import (
    NEVER,
    PUBLIC_INTERNET,
    SPECIAL,
    Address,
    AddressRule,
    canonical,
    parse_address,
    special_range,
)

REFUSED_TEXT = """
0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.1.2.3 127.255.255.254
169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.170 192.0.2.1 192.31.196.1 192.52.193.1
192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.254 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.254 255.255.255.255
:: ::1 ::2 ::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:0.0.0.0 ::ffff:7f00:1 ::ffff:10.1.2.3
::ffff:169.254.169.254 ::ffff:192.168.1.1 0:0:0:0:0:ffff:7f00:0001 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 ::ffff:a9fe:a9fe
64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b::169.254.169.254 64:ff9b::0.0.0.0 64:ff9b:1:7f00:0:100:: 64:ff9b:1::1
64:ff9b:1:808:8:800:: 64:ff9b:2::1 100::1 100:0:0:1::1
2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:0:808:808:0:0:f7f7:f7f7 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101::1 2002:a9fe:a9fe::1 2002:808:808::1 2620:4f:8000::1 3fff::1 5f00::1
fc00::1 fd12:3456:789a::1 fe80::1 fe80::5efe:127.0.0.1 fe80::200:5efe:10.0.0.1 2a00:1450::5efe:8.8.8.8
2a00:1450::200:5efe:192.168.1.1 fec0::1 ff02::1 ff0e::1 4000::1 1::1 e000::1
"""
ALLOWED_TEXT = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255 172.15.0.1
172.32.0.1 192.0.1.1 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
2606:4700::1111 2a00:1450:4001::200e 2001:200::1 2001:4860:4860::8888 2003::1
"""
REFUSED, ALLOWED = REFUSED_TEXT.split(), ALLOWED_TEXT.split()

DISGUISES: dict[str, Callable[[int], int]] = {
    "mapped": lambda v4: 0xFFFF << 32 | v4,
    "compatible": lambda v4: v4,
    "translated": lambda v4: 0xFFFF << 48 | v4,
    "NAT64": lambda v4: 0x0064FF9B << 96 | v4,
    "local NAT64": lambda v4: 0x0064FF9B0001 << 80 | v4 >> 16 << 64 | (v4 & 0xFFFF) << 40,
    "6to4": lambda v4: 0x2002 << 112 | v4 << 80 | 1,
    "Teredo": lambda v4: 0x20010000 << 96 | 0x08080808 << 64 | v4 ^ 0xFFFFFFFF,
    "ISATAP": lambda v4: 0x2A00 << 112 | 0x5EFE << 32 | v4,
    "ISATAP of a unique address": lambda v4: 0x2A00 << 112 | 0x02005EFE << 32 | v4,
}
special_ipv4 = st.sampled_from([each for each, _ in SPECIAL if each.version == 4]).flatmap(
    lambda network: st.integers(int(network.network_address), int(network.broadcast_address))
)


class CanonicalTests(SynchronousTestCase):
    @given(st.integers(2, 2**32 - 1), st.sampled_from(sorted(DISGUISES)))
    @settings(deadline=None, max_examples=200)
    def test_every_disguise_leads_to_the_ipv4_address(self, number: int, disguise: str) -> None:
        self.assertEqual(canonical(IPv6Address(DISGUISES[disguise](number))), IPv4Address(number), disguise)

    def test_plain_addresses_stay_as_they_are(self) -> None:
        for text in ("8.8.8.8", "127.0.0.1", "2606:4700::1111", "::1", "::", "fe80::1"):
            self.assertEqual(canonical(parse_address(text)), ipaddress.ip_address(text))


class SpecialRangeTests(SynchronousTestCase):
    def test_there_are_enough_spellings(self) -> None:
        self.assertGreaterEqual(len(set(REFUSED)), 60)

    def test_each_spelling_of_a_special_place_is_refused(self) -> None:
        let_through = [text for text in REFUSED if PUBLIC_INTERNET.refusal(parse_address(text)) is None]
        self.assertEqual(let_through, [])

    def test_neighbours_of_special_ranges_are_on_the_internet(self) -> None:
        refused = [text for text in ALLOWED if PUBLIC_INTERNET.refusal(parse_address(text)) is not None]
        self.assertEqual(refused, [])

    def test_edges_of_all_ranges(self) -> None:
        for network, _ in SPECIAL:
            for edge in (network[0], network[-1]):
                self.assertIsNotNone(special_range(edge), str(edge))

    @given(special_ipv4, st.sampled_from(sorted(DISGUISES)))
    @settings(deadline=None, max_examples=200)
    def test_no_disguise_hides_a_special_address(self, number: int, disguise: str) -> None:
        self.assertIsNotNone(PUBLIC_INTERNET.refusal(IPv4Address(number)))
        self.assertIsNotNone(PUBLIC_INTERNET.refusal(IPv6Address(DISGUISES[disguise](number))), disguise)

    @given(st.ip_addresses(v=6))
    @settings(deadline=None, max_examples=200)
    def test_python_knows_no_private_address_that_passes(self, address: IPv6Address) -> None:
        """A second opinion: the standard library's own table, which is the older registry."""
        if not address.is_global and address.ipv4_mapped is None:
            self.assertIsNotNone(special_range(address))


class AddressRuleTests(SynchronousTestCase):
    def refusal(self, rule: AddressRule, text: str) -> str | None:
        return rule.refusal(parse_address(text))

    def rule(self, *ranges: str) -> AddressRule:
        return AddressRule(tuple(ipaddress.ip_network(each) for each in ranges))

    def test_nothing_is_allowed_unless_said(self) -> None:
        for text in (*ALLOWED, *REFUSED):
            self.assertIsNotNone(self.refusal(AddressRule(), text))

    def test_named_private_range_is_open_but_not_its_tunnels(self) -> None:
        rule = self.rule("127.0.0.0/8")
        self.assertIsNone(self.refusal(rule, "127.0.0.1"))
        self.assertIsNone(self.refusal(rule, "::ffff:127.0.0.1"))
        for text in ("::1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "10.0.0.1", "8.8.8.8"):
            self.assertIsNotNone(self.refusal(rule, text), text)

    def test_wide_range_opens_no_special_one_within(self) -> None:
        rule = self.rule("0.0.0.0/0", "::/0", "8.0.0.0/5")
        self.assertEqual(self.refusal(rule, "10.0.0.1"), "private use")
        self.assertEqual(self.refusal(rule, "127.0.0.1"), "loopback")
        self.assertEqual(self.refusal(rule, "::1"), "loopback")

    def test_named_ipv6_ranges_are_open(self) -> None:
        rule = self.rule("fd00::/8", "::1/128")
        self.assertIsNone(self.refusal(rule, "fd12::1"))
        self.assertIsNone(self.refusal(rule, "::1"))
        self.assertIsNotNone(self.refusal(rule, "fe80::1"))

    def test_range_around_the_nat64_prefix_opens_no_private_address_behind_it(self) -> None:
        self.assertIsNotNone(self.refusal(self.rule("64::/16"), "64:ff9b::10.0.0.1"))

    def test_what_no_rule_may_open(self) -> None:
        for network, _ in NEVER:
            self.assertRaises(LocalError, self.rule, str(network))
        wide: list[Address] = [parse_address(text) for text in ("::", "::ffff:0.0.0.1", "::224.0.0.1", "ff02::1")]
        for address in wide:
            self.assertIsNotNone(self.rule("::/8", "fe00::/7").refusal(address))

    def test_not_an_address(self) -> None:
        for text in ("", "localhost", "127.1", "0x7f000001", "017700000001", "fe80::1%eth0", "1.2.3.4/32"):
            self.assertRaises(ParseError, parse_address, text)
