"""Which pair is next, and how many there can be."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ice.checklist import (
    ADMISSIONS_LIMIT,
    ORDINARY_CHECKS_LIMIT,
    PAIRS_LIMIT,
    Base,
    CandidatePair,
    Checklist,
    PairState,
)
from zerogo.ids import SocketAddress


def remote(number: int, priority: int = 100) -> Candidate:
    address = SocketAddress(f"198.18.{number // 250}.{number % 250}", 9)
    return Candidate(CandidateKind.HOST, address, None, priority, "1")


class ChecklistTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.checklist = Checklist(is_controlling=True)
        self.checklist.enable(Base.IPV4, 50)

    def admit(self, number: int, priority: int = 100) -> CandidatePair:
        pair = self.checklist.admit(remote(number, priority))
        assert pair is not None
        return pair

    def take(self) -> CandidatePair:
        pair = self.checklist.take_next()
        assert pair is not None
        pair.state = PairState.IN_PROGRESS
        return pair

    def test_pair_priority_is_that_of_the_rfc(self) -> None:
        """RFC 8445 section 6.1.2.3 with G = 50 and D = 100, and the other way round."""
        pair = self.admit(1)
        self.assertEqual(pair.priority, (50 << 32) + 200)
        self.checklist.set_role(False)
        self.assertEqual(pair.priority, (50 << 32) + 201)

    def test_greater_priority_goes_first_and_triggered_before_all(self) -> None:
        low, high, triggered = self.admit(1, 10), self.admit(2, 40), self.admit(3, 1)
        self.checklist.trigger(triggered)
        self.assertEqual([self.take(), self.take(), self.take()], [triggered, high, low])
        self.assertFalse(self.checklist.has_next())

    def test_pair_triggered_twice_is_checked_once(self) -> None:
        pair = self.admit(1)
        self.checklist.trigger(pair)
        self.checklist.trigger(pair)
        self.take()
        self.assertIsNone(self.checklist.take_next())

    def test_base_without_a_local_candidate_waits(self) -> None:
        candidate = Candidate.host(SocketAddress("2001:db8::1", 9))
        pair = self.checklist.admit(candidate)
        self.assertFalse(self.checklist.has_next())
        self.checklist.enable(Base.IPV6, 60)
        self.assertIs(self.checklist.take_next(), pair)

    def test_ordinary_checks_under_way_are_bounded_and_triggered_ones_are_not_counted(self) -> None:
        for number in range(ORDINARY_CHECKS_LIMIT + 5):
            self.admit(number)
        for _ in range(ORDINARY_CHECKS_LIMIT):
            self.take()
        self.assertFalse(self.checklist.has_next())
        waiting = next(pair for pair in self.checklist if pair.state is PairState.WAITING)
        self.checklist.trigger(waiting)
        self.assertIs(self.take(), waiting)
        self.assertFalse(self.checklist.has_next())

    def test_same_address_is_one_pair(self) -> None:
        self.assertIs(self.admit(1), self.admit(1))
        self.assertEqual(len(self.checklist), 1)

    def test_told_candidate_takes_over_a_discovered_one(self) -> None:
        address = remote(1).address
        pair = self.checklist.admit(Candidate.peer_reflexive(address, 1))
        assert pair is not None
        self.admit(1, 77)
        self.assertEqual((pair.remote.kind, pair.remote.priority), (CandidateKind.HOST, 77))
        self.checklist.admit(Candidate.peer_reflexive(address, 1))
        self.assertIs(pair.remote.kind, CandidateKind.HOST)

    def test_full_list_takes_no_more_until_something_failed(self) -> None:
        for number in range(PAIRS_LIMIT):
            self.admit(number)
        self.checklist.begin_round()
        self.assertIsNone(self.checklist.admit(remote(500)))
        failed = next(iter(self.checklist))
        failed.state = PairState.FAILED
        self.assertIsNotNone(self.checklist.admit(remote(500)))
        self.assertEqual(len(self.checklist), PAIRS_LIMIT)
        self.assertIsNone(self.checklist.find(failed.address))

    def test_admissions_between_two_rounds_are_bounded(self) -> None:
        admitted = 0
        for number in range(1000):
            pair = self.checklist.admit(remote(number))
            if pair is not None:
                pair.state = PairState.FAILED
                admitted += 1
        self.assertEqual(admitted, ADMISSIONS_LIMIT)

    def test_round_has_failed_pairs_wait_again(self) -> None:
        failed, succeeded = self.admit(1), self.admit(2)
        failed.state, succeeded.state = PairState.FAILED, PairState.SUCCEEDED
        self.checklist.begin_round()
        self.assertEqual((failed.state, succeeded.state), (PairState.WAITING, PairState.SUCCEEDED))

    def test_round_trip_is_the_smallest_exact_one_or_else_a_bound(self) -> None:
        pair = self.admit(1)
        pair.add_sample(0.4, is_exact=False)
        self.assertEqual(pair.rtt, 0.4)
        for sample in (0.2, 0.1, 0.3):
            pair.add_sample(sample, is_exact=True)
        self.assertEqual(pair.rtt, 0.1)
        pair.add_sample(0.05, is_exact=False)
        pair.forget_samples()
        self.assertEqual(pair.rtt, 0.1)
        pair.add_sample(0.3, is_exact=True)
        self.assertEqual(pair.rtt, 0.3)
