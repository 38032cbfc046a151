from __future__ import annotations

import socket

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.frame import Refusal
from zerogo.switch.segment import Answer, Flood, Segment, Unicast
from zerogo.switch.storm import INCOMING_BURST_BYTES, OUTGOING_BURST_BYTES
from zerogo.test.switch.test_neighbor import arp

OURS, FIRST, SECOND, BRIDGE = (b"\x02\0\0\0\0" + bytes([number]) for number in (1, 2, 3, 4))
STRANGER = b"\x06\0\0\0\0\x09"
BROADCAST = b"\xff" * 6


def frame(destination: bytes, source: bytes, size: int = 60) -> bytes:
    return destination + source + b"\x08\x00" + bytes(size - 14)


class SegmentCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.segment = self.segment_of(False)

    def segment_of(self, is_bridge: bool) -> Segment:
        segment = Segment(OURS, ["10.7.0.1"], is_bridge)
        segment.set_member(1, FIRST, ["10.7.0.2"])
        segment.set_member(2, SECOND, ["10.7.0.3"])
        segment.set_member(3, BRIDGE, ["10.7.0.4"], is_bridge=True)
        return segment


class EgressTests(SegmentCase):
    def test_a_members_address_goes_to_the_member(self) -> None:
        self.assertEqual(Unicast(2), self.segment.egress(frame(SECOND, OURS), 0.0))
        self.assertEqual(2, self.segment.static_routes[SECOND + OURS])

    def test_broadcast_goes_to_all_members(self) -> None:
        self.assertEqual(Flood([1, 2, 3]), self.segment.egress(frame(BROADCAST, OURS), 0.0))

    def test_an_unknown_station_is_looked_for_behind_bridges_only(self) -> None:
        self.assertEqual(Flood([3]), self.segment.egress(frame(STRANGER, OURS), 0.0))
        self.segment.remove_member(3)
        self.assertEqual(Refusal.UNKNOWN_DESTINATION, self.segment.egress(frame(STRANGER, OURS), 0.0))

    def test_a_learned_station_goes_to_its_bridge(self) -> None:
        self.assertIsNone(self.segment.refuses(3, frame(OURS, STRANGER), 0.0))
        self.assertEqual(Unicast(3), self.segment.egress(frame(STRANGER, OURS), 1.0))

    def test_link_local_protocols_go_nowhere(self) -> None:
        spanning_tree = bytes.fromhex("0180c2000000")
        self.assertEqual(Refusal.UNKNOWN_DESTINATION, self.segment.egress(frame(spanning_tree, OURS), 0.0))
        self.assertEqual(Refusal.UNKNOWN_DESTINATION, self.segment.refuses(1, frame(spanning_tree, FIRST), 0.0))

    def test_a_known_question_is_answered_here(self) -> None:
        verdict = self.segment.egress(arp(1, OURS, "10.7.0.1", "10.7.0.3"), 0.0)
        self.assertIsInstance(verdict, Answer)
        self.assertEqual(Flood([1, 2, 3]), self.segment.egress(arp(1, OURS, "10.7.0.1", "10.7.0.99"), 0.0))

    def test_other_sources_leave_only_a_bridge(self) -> None:
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.egress(frame(FIRST, STRANGER), 0.0))
        self.assertEqual(Unicast(1), self.segment_of(True).egress(frame(FIRST, STRANGER), 0.0))

    def test_not_even_a_bridge_speaks_as_a_member(self) -> None:
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment_of(True).egress(frame(FIRST, SECOND), 0.0))

    def test_a_station_that_moved_here_is_no_longer_behind_a_peer(self) -> None:
        segment = self.segment_of(True)
        segment.refuses(3, frame(OURS, STRANGER), 0.0)
        segment.egress(frame(FIRST, STRANGER), 1.0)
        self.assertEqual(Flood([3]), segment.egress(frame(STRANGER, OURS), 2.0))

    def test_a_storm_is_cut_off_in_output_bytes(self) -> None:
        copies = OUTGOING_BURST_BYTES // (1500 * 3)
        verdicts = [self.segment.egress(frame(BROADCAST, OURS, 1500), 0.0) for _ in range(copies + 10)]
        self.assertEqual(copies, verdicts.count(Flood([1, 2, 3])))
        self.assertEqual(10, verdicts.count(Refusal.STORM))


class IngressTests(SegmentCase):
    def test_a_member_may_send_to_us_and_to_groups(self) -> None:
        self.assertIsNone(self.segment.refuses(1, frame(OURS, FIRST), 0.0))
        self.assertIsNone(self.segment.refuses(1, frame(BROADCAST, FIRST), 0.0))

    def test_a_member_may_not_send_as_anybody_else(self) -> None:
        for peer in (1, 3):
            for source in (SECOND, OURS, b"\x03" + FIRST[1:]):
                self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(peer, frame(OURS, source), 0.0))
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(1, frame(OURS, STRANGER), 0.0))

    def test_a_peer_that_is_no_member_sends_nothing(self) -> None:
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(9, frame(OURS, STRANGER), 0.0))

    def test_what_is_not_for_us_enters_a_bridge_only(self) -> None:
        self.assertEqual(Refusal.UNKNOWN_DESTINATION, self.segment.refuses(1, frame(STRANGER, FIRST), 0.0))
        self.assertIsNone(self.segment_of(True).refuses(1, frame(STRANGER, FIRST), 0.0))

    def test_one_member_cannot_silence_the_broadcasts_of_another(self) -> None:
        count = INCOMING_BURST_BYTES // 1500
        for _ in range(count):
            self.assertIsNone(self.segment.refuses(1, frame(BROADCAST, FIRST, 1500), 0.0))
        self.assertEqual(Refusal.STORM, self.segment.refuses(1, frame(BROADCAST, FIRST, 1500), 0.0))
        self.assertIsNone(self.segment.refuses(2, frame(BROADCAST, SECOND, 1500), 0.0))

    def test_a_claim_on_anothers_address_is_refused_also_behind_a_priority_tag(self) -> None:
        claim = arp(2, FIRST, "10.7.0.3", "10.7.0.1", source=FIRST)
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(1, claim, 0.0))
        for tags in (b"\x81\0\0\0", b"\x88\xa8\0\0\x81\0\x20\0"):
            tagged = claim[:12] + tags + claim[12:]
            self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(1, tagged, 0.0))

    def test_nothing_hides_behind_more_tags_than_are_looked_behind(self) -> None:
        claim = arp(2, FIRST, "10.7.0.3", "10.7.0.1", source=FIRST)
        tagged = claim[:12] + b"\x81\0\0\0" * 3 + claim[12:]
        self.assertEqual(Refusal.MALFORMED, self.segment.refuses(1, tagged, 0.0))
        self.assertEqual(Refusal.MALFORMED, self.segment.refuses(1, tagged[:16], 0.0))

    def test_packets_come_from_addresses_of_their_sender(self) -> None:
        def from_address(source: str) -> bytes:
            return frame(OURS, FIRST)[:26] + socket.inet_aton(source) + bytes(30)

        self.assertIsNone(self.segment.refuses(1, from_address("10.7.0.2"), 0.0))
        for source in ("10.7.0.1", "10.7.0.3", "10.7.0.99", "192.0.2.1"):
            self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(1, from_address(source), 0.0))
        self.segment.set_member(1, FIRST, ["10.7.0.2"], ["192.0.2.0/24"])
        self.assertIsNone(self.segment.refuses(1, from_address("192.0.2.1"), 0.0))
        self.segment.remove_member(2)
        self.assertEqual(Refusal.FOREIGN_SOURCE, self.segment.refuses(1, from_address("10.7.0.3"), 0.0))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=90))
    def test_no_frame_raises(self, data: bytes) -> None:
        self.segment.egress(data, 0.0)
        self.segment.refuses(1, data, 0.0)
        self.segment.refuses(3, OURS + STRANGER + data, 0.0)
