"""Which pair is the best, and when it takes over."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ice.checklist import Base, CandidatePair
from zerogo.ice.consent import Consent
from zerogo.ice.selection import COMPARE_SECONDS, HOLD_SECONDS, Selection, score
from zerogo.ids import SocketAddress


def pair(rtt: float, kind: CandidateKind = CandidateKind.SRFLX, base: Base = Base.IPV4) -> CandidatePair:
    address = SocketAddress("192.0.2.1" if base is Base.IPV4 else "2001:db8::1", 9)
    made = CandidatePair(base, Candidate(kind, address, None, 1, "1"), address)
    made.consent = Consent(random.Random(1).randbytes, 0.0)
    made.add_sample(rtt, is_exact=True)
    return made


class ScoreTests(SynchronousTestCase):
    def test_local_network_then_ipv6_then_direct_then_relay(self) -> None:
        ranked = [
            pair(0.02, CandidateKind.HOST),
            pair(0.02, base=Base.IPV6),
            pair(0.02),
            pair(0.02, CandidateKind.RELAY),
        ]
        self.assertEqual(sorted(ranked, key=score), ranked)

    def test_round_trip_decides_where_it_differs_by_more(self) -> None:
        self.assertLess(score(pair(0.02)), score(pair(0.04, CandidateKind.HOST)))
        self.assertLess(score(pair(0.02, CandidateKind.RELAY)), score(pair(0.1)))


class SelectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.selection = Selection()
        self.current = pair(0.040)
        self.selection.selected = self.current

    def choose(self, other: CandidatePair, now: float) -> CandidatePair | None:
        return self.selection.choose([self.current, other], now)

    def test_nothing_valid_gives_nothing(self) -> None:
        self.assertIsNone(self.selection.choose([], 0.0))

    def test_first_valid_pair_is_chosen_at_once(self) -> None:
        self.selection.selected = None
        self.assertIs(self.selection.choose([self.current], 0.0), self.current)

    def test_lost_pair_is_replaced_at_once(self) -> None:
        self.current.consent = None
        other = pair(0.5)
        self.assertIs(self.selection.choose([other], 10.0), other)

    def test_pairs_are_compared_closely_while_they_come_up(self) -> None:
        other = pair(0.038)
        self.selection.pair_came_up(10.0)
        self.assertIs(self.choose(other, 10.5), other)
        self.assertIs(self.choose(other, 10.0 + COMPARE_SECONDS), self.current)

    def test_later_a_little_better_is_not_enough(self) -> None:
        other = pair(0.036)
        self.assertEqual([self.choose(other, now) for now in (10.0, 20.0, 100.0)], [self.current] * 3)

    def test_later_much_better_must_last(self) -> None:
        other = pair(0.020)
        self.assertIs(self.choose(other, 10.0), self.current)
        self.assertIs(self.choose(other, 10.0 + HOLD_SECONDS - 0.1), self.current)
        self.assertIs(self.choose(other, 10.0 + HOLD_SECONDS), other)

    def test_better_for_a_moment_begins_anew(self) -> None:
        other = pair(0.020)
        self.choose(other, 10.0)
        self.selection.choose([self.current], 11.0)
        self.assertIs(self.choose(other, 13.5), self.current)

    def test_pair_that_does_not_answer_gives_way_at_once(self) -> None:
        other = pair(0.080)
        self.current.unanswered = 1
        self.assertIs(self.choose(other, 10.0), self.current)
        self.current.unanswered = 2
        self.assertIs(self.choose(other, 10.0), other)
