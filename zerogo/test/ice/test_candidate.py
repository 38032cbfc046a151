"""Candidates: priorities, foundations, text."""

from __future__ import annotations

import aioice
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.candidate import (
    PRIORITY_LIMIT,
    Candidate,
    CandidateKind,
    candidate_priority,
    is_reachable_form,
    local_preference,
)
from zerogo.ids import SocketAddress

addresses = st.builds(
    lambda ip, port: SocketAddress.of(str(ip), port),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65535),
)
candidates = st.builds(
    Candidate,
    kind=st.sampled_from(CandidateKind),
    address=addresses,
    related=st.none() | addresses,
    priority=st.integers(1, PRIORITY_LIMIT),
    foundation=st.text("abzABZ019+/", min_size=1, max_size=32),
    component=st.integers(1, 256),
)
HOST = SocketAddress("10.0.0.2", 9993)
SERVER = SocketAddress("198.51.100.1", 3478)


class TextTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(candidates)
    def test_parse_gives_back_what_was_emitted(self, candidate: Candidate) -> None:
        self.assertEqual(Candidate.parse(candidate.to_text()), candidate)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=80) | candidates.map(lambda each: each.to_text()[1:]), st.integers(0, 90))
    def test_garbage_raises_nothing_but_parse_error(self, text: str, cut: int) -> None:
        for garbage in (text, text[:cut], "candidate:1 1 udp " + text):
            try:
                Candidate.parse(garbage)
            except ParseError:
                continue

    def test_example_of_the_rfc(self) -> None:
        """RFC 8839 section 5.1, with what follows the fields that are known here."""
        text = "candidate:2 1 UDP 1694498815 203.0.113.141 8998 typ srflx raddr 192.0.2.1 rport 8998 generation 0"
        self.assertEqual(
            Candidate.parse(text),
            Candidate(
                CandidateKind.SRFLX,
                SocketAddress("203.0.113.141", 8998),
                SocketAddress("192.0.2.1", 8998),
                1694498815,
                "2",
            ),
        )

    @settings(deadline=None, max_examples=50)
    @given(candidates)
    def test_aioice_reads_it_alike(self, candidate: Candidate) -> None:
        read = aioice.Candidate.from_sdp(candidate.to_text().removeprefix("candidate:"))
        self.assertEqual((read.host, read.port), (candidate.address.host, candidate.address.port))
        self.assertEqual((read.type, read.priority), (candidate.kind.value, candidate.priority))
        self.assertEqual(Candidate.parse(read.to_sdp()), candidate)

    def test_what_is_out_of_range_or_unknown_is_refused(self) -> None:
        good = "candidate:1 1 udp 5 192.0.2.1 9 typ host"
        Candidate.parse(good)
        for old, new in (
            ("udp", "tcp"),
            (" 9 ", " 65536 "),
            (" 9 ", " -1 "),
            ("host", "hosted"),
            ("typ", "type"),
            ("192.0.2.1", "peer.local"),
            ("192.0.2.1", "fe80::1%eth0"),
            ("udp 5", "udp 0"),
            ("udp 5", f"udp {2**31}"),
            ("1 1 udp", "1 257 udp"),
            ("1 1 udp", "é 1 udp"),
            ("1 1 udp", f"{'a' * 33} 1 udp"),
        ):
            self.assertRaises(ParseError, Candidate.parse, good.replace(old, new))
        self.assertRaises(ParseError, Candidate.parse, good + " x" * 300)

    def test_passive_candidates_of_tcp_are_known_and_no_others_of_tcp(self) -> None:
        address = SocketAddress("203.0.113.9", 443)
        for kind in (CandidateKind.HOST, CandidateKind.MAPPED):
            candidate = Candidate.passive(address, kind)
            self.assertTrue(candidate.to_text().endswith(f" 203.0.113.9 443 typ {kind.value} tcptype passive"))
            self.assertEqual(Candidate.parse(candidate.to_text()), candidate)
            self.assertLess(candidate.priority, Candidate.host(address).priority)
        for other in ("", " tcptype active", " tcptype so", " tcptype passives"):
            self.assertRaises(ParseError, Candidate.parse, f"candidate:1 1 tcp 5 192.0.2.1 9 typ host{other}")


class PriorityTests(SynchronousTestCase):
    def test_formula(self) -> None:
        """RFC 8445 section 5.1.2.1: the greatest priority of a host candidate."""
        self.assertEqual(candidate_priority(CandidateKind.HOST, 65535), 2130706431)

    def test_kind_outweighs_preference(self) -> None:
        kinds = (
            *(CandidateKind.HOST, CandidateKind.PRFLX, CandidateKind.MAPPED),
            *(CandidateKind.SRFLX, CandidateKind.RELAY),
        )
        ranked = [candidate_priority(kind, preference) for kind in kinds for preference in (65535, 0)]
        self.assertEqual(ranked, sorted(ranked, reverse=True))

    def test_ipv6_before_ipv4_and_what_is_listed_first_before_the_rest(self) -> None:
        ranked = [local_preference(is_ipv6, position) for is_ipv6 in (True, False) for position in (0, 1, 5000)]
        self.assertEqual(ranked, sorted(ranked, reverse=True))
        self.assertTrue(all(0 <= each <= 65535 for each in ranked))

    def test_foundation_is_of_kind_base_and_server(self) -> None:
        mapped = SocketAddress("203.0.113.1", 40000)
        first = Candidate.server_reflexive(mapped, HOST, SERVER)
        same = Candidate.server_reflexive(SocketAddress("203.0.113.1", 40001), HOST, SERVER)
        other = Candidate.server_reflexive(mapped, HOST, SocketAddress("198.51.100.2", 3478))
        self.assertEqual(first.foundation, same.foundation)
        self.assertNotEqual(first.foundation, other.foundation)
        self.assertNotEqual(first.foundation, Candidate.host(HOST).foundation)

    def test_priority_of_a_stranger_is_brought_into_range(self) -> None:
        self.assertEqual(Candidate.peer_reflexive(HOST, 2**32 - 1).priority, PRIORITY_LIMIT)
        self.assertEqual(Candidate.peer_reflexive(HOST, 0).priority, 1)


class ReachableFormTests(SynchronousTestCase):
    def test_addresses_of_nobody_and_of_many_are_refused(self) -> None:
        for host in ("0.0.0.0", "255.255.255.255", "239.1.1.1", "::", "ff02::1", "fe80::1", "127.0.0.1", "::1"):
            self.assertFalse(is_reachable_form(SocketAddress(host, 9)), host)
        for host in ("10.0.0.1", "169.254.1.1", "100.64.0.1", "203.0.113.1", "2001:db8::1", "fd00::1"):
            self.assertTrue(is_reachable_form(SocketAddress(host, 9)), host)
            self.assertFalse(is_reachable_form(SocketAddress(host, 0)), host)
        self.assertTrue(is_reachable_form(SocketAddress("127.0.0.1", 9), allow_loopback=True))
