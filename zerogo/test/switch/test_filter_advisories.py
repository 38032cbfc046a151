"""What went wrong in filters of others, each as a test of ours: what a peer sends, against one that allows udp 7."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.filter import PeerFilter, PolicyRule
from zerogo.switch.gate import Gate
from zerogo.test.switch.scenarios import (
    AUTHENTICATION,
    FRAGMENT,
    GRE,
    IN,
    IN6,
    MOBILITY,
    OPTIONS,
    TCP,
    UDP,
    extension,
    frame4,
    frame6,
    ports,
)

ALLOWED, FORBIDDEN = ports(4000, 7), ports(4000, 8)
OURS6 = "::ffff:10.77.0.1"


class AdvisoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gate = Gate()
        self.use(PolicyRule(UDP, (7, 7)))

    def use(self, *rules: PolicyRule) -> None:
        self.gate.set_filter(1, PeerFilter(inbound=rules))

    def comes(self, frame: bytes, peer: int = 1) -> bool:
        return self.gate.passes(peer, frame, False, 0.0)

    def test_an_unknown_next_header_has_no_ports(self) -> None:
        """nebula #1840: bytes behind an IPv6 header that was not parsed were taken for TCP's or UDP's ports."""
        self.use(PolicyRule(None, (7, 7)))
        for following in (MOBILITY, 139, 140, 253, 50, 59, GRE):
            self.assertFalse(self.comes(frame6(following, ALLOWED, IN6)), following)
        self.assertTrue(self.comes(frame6(OPTIONS, extension(UDP) + ALLOWED, IN6)))

    def test_a_header_that_is_longer_than_the_packet_is_not_walked_past(self) -> None:
        """nebula 1.11: the length of an extension header overflowed what there was."""
        for kind, head in ((OPTIONS, bytes([UDP, 255])), (AUTHENTICATION, bytes([UDP, 255]))):
            self.assertFalse(self.comes(frame6(kind, head + bytes(6) + ALLOWED, IN6)))

    def test_an_ipv4_address_in_an_ipv6_one_is_no_ipv4_address(self) -> None:
        """nebula 1.11, and CVE-2026-27624: a list of addresses was passed by with another spelling of the same."""
        self.use(PolicyRule(None, None, ("10.77.0.0/16",)))
        self.assertTrue(self.comes(frame4(UDP, FORBIDDEN, IN)))
        self.assertFalse(self.comes(frame6(UDP, FORBIDDEN, (IN6[0], OURS6))))

    def test_ports_cannot_be_written_over_by_a_second_fragment(self) -> None:
        """RFC 1858 and RFC 3128: tiny and overlapping fragments."""
        self.assertTrue(self.comes(frame4(UDP, ALLOWED, IN, 0x2000)))
        self.assertFalse(self.comes(frame4(UDP, FORBIDDEN, IN, 0x2000)), "the first fragment a second time")
        self.assertFalse(self.comes(frame4(UDP, bytes(8), IN, 1)))
        self.assertFalse(self.comes(frame6(FRAGMENT, bytes([UDP, 0, 0, 8]) + bytes(12), IN6)))
        self.assertFalse(self.comes(frame6(FRAGMENT, bytes([OPTIONS, 0, 0, 1]) + bytes(4) + b"\x11\x00", IN6)))

    def test_a_flow_of_one_peer_opens_nothing_for_another(self) -> None:
        """CVE-2025-62820: an inner source address was not bound to the peer that sent it."""
        self.gate.set_filter(2, PeerFilter(outbound=(PolicyRule(UDP, (7, 7)),)))
        self.assertTrue(self.gate.passes(2, frame4(UDP, ALLOWED, IN[::-1]), True, 0.0))
        answer = frame4(UDP, ports(7, 4000), IN)
        self.assertTrue(self.comes(answer, peer=2))
        self.assertFalse(self.comes(answer, peer=1), "the same addresses and ports, by another member")

    def test_an_error_opens_no_way_in(self) -> None:
        """A quoted packet is the sender's word: what it names must be a flow that there is."""
        quoted = frame4(TCP, ports(22, 4000), IN[::-1])[14:]
        self.assertFalse(self.comes(frame4(1, bytes([3, 3]) + bytes(6) + quoted, IN)))
        self.assertFalse(self.comes(frame4(TCP, ports(4000, 22), IN)))

    def test_errors_within_errors_cost_nothing(self) -> None:
        """Readers that follow each quotation run out of stack."""
        nested = b""
        for _ in range(2000):
            nested = frame4(1, bytes([3, 3]) + bytes(6) + nested, IN)[14:]
        self.assertFalse(self.comes(frame4(1, bytes([3, 3]) + bytes(6) + nested, IN)))
