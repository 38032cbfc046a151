from __future__ import annotations

import ipaddress
import socket
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.frame import ETHERTYPE_IPV4, ETHERTYPE_IPV6, Refusal
from zerogo.switch.neighbor import LOCAL, NeighborTable
from zerogo.switch.prefixes import PrefixSet
from zerogo.switch.source import SourceGuard

PLAIN, ROUTER, BRIDGE, EXIT = 1, 2, 3, 4
PEERS = (PLAIN, ROUTER, BRIDGE, EXIT)
SUBNETS = {ROUTER: ["192.168.7.0/24", "2001:db8:7::/48"], EXIT: ["0.0.0.0/0", "::/0"]}


def packet(source: str) -> tuple[int, bytes]:
    """EtherType and fixed header of an IP packet from there."""
    if ":" in source:
        return ETHERTYPE_IPV6, struct.pack("!IHBB", 6 << 28, 0, 59, 64) + socket.inet_pton(10, source) + bytes(16)
    return ETHERTYPE_IPV4, b"\x45" + bytes(11) + socket.inet_aton(source) + bytes(4)


class SourceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.neighbors = NeighborTable()
        self.neighbors.set_addresses(LOCAL, b"\x02\0\0\0\0\x09", ["10.7.0.9", "fd07::9"])
        self.guard = SourceGuard(self.neighbors)
        for peer in PEERS:
            mac = b"\x02\0\0\0\0" + bytes([peer])
            self.neighbors.set_addresses(peer, mac, [f"10.7.0.{peer}", f"fd07::{peer}"])
            self.guard.set_member(peer, SUBNETS.get(peer, ()), peer == BRIDGE)

    def who_may(self, source: str) -> set[int]:
        return {peer for peer in PEERS if self.guard.refuses(peer, *packet(source)) is None}


class SourceTests(SourceCase):
    def test_a_members_address_is_its_own_whoever_else_leads_there(self) -> None:
        for peer in PEERS:
            for source in (f"10.7.0.{peer}", f"fd07::{peer}", f"fe80::ff:fe00:{peer}"):
                self.assertEqual({peer}, self.who_may(source), source)

    def test_ours_is_nobody_elses(self) -> None:
        for source in ("10.7.0.9", "fd07::9", "fe80::ff:fe00:9"):
            self.assertEqual(set(), self.who_may(source))

    def test_what_is_nobodys_comes_from_where_it_is_behind(self) -> None:
        for source in ("192.168.7.200", "2001:db8:7::1"):
            self.assertEqual({ROUTER, BRIDGE, EXIT}, self.who_may(source))
        for source in ("10.7.0.77", "203.0.113.5", "2001:db8:8::1", "fd07::77"):
            self.assertEqual({BRIDGE, EXIT}, self.who_may(source))

    def test_hosts_that_have_no_address_yet_may_ask_for_one(self) -> None:
        for source in ("0.0.0.0", "::", "fe80::1:2:3:4", "febf::1"):
            self.assertEqual(set(PEERS), self.who_may(source))
        self.assertEqual({BRIDGE, EXIT}, self.who_may("fec0::1"))

    def test_a_packet_that_ends_before_its_header_does_is_malformed(self) -> None:
        for source in ("10.7.0.1", "fd07::1"):
            ethertype, data = packet(source)
            for size in range(len(data)):
                self.assertIs(Refusal.MALFORMED, self.guard.refuses(PLAIN, ethertype, data[:size]))

    def test_other_frames_are_not_looked_at(self) -> None:
        for ethertype in (0x0806, 0x88B5, 0x8100):
            self.assertIsNone(self.guard.refuses(PLAIN, ethertype, b""))

    def test_members_change_and_go(self) -> None:
        self.guard.set_member(BRIDGE, (), False)
        self.guard.remove_member(EXIT)
        self.assertEqual(set(), self.who_may("203.0.113.5"))
        self.neighbors.remove(PLAIN)
        self.assertEqual(set(), self.who_may("10.7.0.1"))


PREFIXES = st.sampled_from(["0.0.0.0/0", "10.7.0.0/30", "10.7.0.2/32", "128.0.0.0/1", "::/0", "fd07::/126", "8000::/1"])
ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.ip_addresses(network="10.7.0.0/29"),
    st.ip_addresses(network="fd07::/125"),
)


class PrefixSetTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.lists(PREFIXES), ADDRESSES)
    def test_it_holds_what_the_prefixes_hold(
        self, texts: list[str], address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        expected = any(address in ipaddress.ip_network(text) for text in texts)
        self.assertEqual(expected, address.packed in PrefixSet(texts))
