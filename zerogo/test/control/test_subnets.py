"""Networks behind members: texts and bytes, and what is refused."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.subnets import (
    IPV4_EXIT,
    IPV6_EXIT,
    SUBNETS_LIMIT,
    announced_subnets,
    emit_subnet,
    is_exit,
    parse_subnet,
    read_subnet,
)
from zerogo.errors import ParseError


class SubnetTests(SynchronousTestCase):
    def test_what_was_emitted_is_read_back(self) -> None:
        for text in (
            "192.168.7.0/24",
            "10.0.0.0/8",
            "10.1.2.3/32",
            "fd00:1::/32",
            "2001:db8::1/128",
            *("0.0.0.0/0", "::/0"),
        ):
            self.assertEqual(read_subnet(emit_subnet(text)), text)

    def test_texts_become_canonical(self) -> None:
        self.assertEqual(parse_subnet("FD00:0::/32"), "fd00::/32")
        self.assertEqual(parse_subnet("10.1.2.3"), "10.1.2.3/32")

    def test_each_machines_own_ranges_are_behind_nobody(self) -> None:
        for text in ("127.0.0.0/8", "127.1.0.0/16", "0.0.0.0/1", "224.0.0.0/4", "169.254.1.0/24", "fe80::/64", "::/1"):
            self.assertRaises(ParseError, parse_subnet, text)

    def test_bits_behind_the_length_are_refused(self) -> None:
        self.assertRaises(ParseError, parse_subnet, "192.168.7.1/24")
        self.assertRaises(ParseError, read_subnet, bytes([192, 168, 7, 1, 24]))

    def test_only_the_whole_internet_is_an_exit(self) -> None:
        self.assertTrue(is_exit(IPV4_EXIT) and is_exit(IPV6_EXIT))
        self.assertFalse(is_exit("10.0.0.0/8"))

    def test_what_is_announced_is_bounded_and_in_order(self) -> None:
        wanted = ["::/0", "nonsense", "10.2.0.0/16", "10.1.0.0/16", "10.2.0.0/16"]
        self.assertEqual(announced_subnets(wanted), ("10.1.0.0/16", "10.2.0.0/16", "::/0"))
        self.assertEqual(len(announced_subnets(f"10.{number}.0.0/16" for number in range(99))), SUBNETS_LIMIT)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=20))
    def test_garbage_raises_parse_error(self, data: bytes) -> None:
        try:
            text = read_subnet(data)
        except ParseError:
            return
        self.assertEqual(emit_subnet(text), data)
        self.assertEqual(str(ipaddress.ip_network(text)), text)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=60))
    def test_any_text_is_a_network_or_refused(self, text: str) -> None:
        try:
            found = parse_subnet(text)
        except ParseError:
            return
        self.assertEqual(parse_subnet(found), found)
