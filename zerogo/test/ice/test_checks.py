"""Whose an answer is, and which requests are replays."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.binding import Check
from zerogo.ice.candidate import Candidate
from zerogo.ice.checklist import Base, CandidatePair
from zerogo.ice.checks import SEEN_LIMIT, TRANSACTIONS_LIMIT, SeenRequests, SentChecks
from zerogo.ice.credentials import Credentials
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import XorMappedAddress
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, emit, parse

A = Credentials.generate(random.Random(1).randbytes)
B = Credentials.generate(random.Random(2).randbytes)
CHECK = Check(controlling=True, tie_breaker=1, priority=1)
ELSEWHERE = SocketAddress("192.0.2.66", 6)


def pair_to(number: int) -> CandidatePair:
    address = SocketAddress(f"10.1.{number // 250}.{number % 250}", 9)
    return CandidatePair(Base.IPV4, Candidate.host(address), address)


class SentChecksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.checks = SentChecks(A, B, Integrity.SHA1, random.Random(3).randbytes)

    def opened(self, pair: CandidatePair) -> bytes:
        self.checks.open(pair, CHECK, (1.0,), 0.0)
        assert pair.check is not None
        return pair.check.transaction_id

    def answer(self, transaction_id: bytes, key: bytes = B.key) -> tuple[Message, bytes]:
        attributes = (XorMappedAddress(ELSEWHERE),)
        raw = emit(Message(Method.BINDING, MessageClass.SUCCESS, transaction_id, attributes), key)
        return parse(raw), raw

    def test_answer_closes_its_check_once(self) -> None:
        pair = pair_to(1)
        message, raw = self.answer(self.opened(pair))
        sent = self.checks.close(message, raw, pair.address)
        assert sent is not None
        self.assertIs(sent.pair, pair)
        self.assertIsNone(pair.check)
        self.assertIsNone(self.checks.close(message, raw, pair.address))

    def test_answer_from_elsewhere_or_unsigned_closes_nothing(self) -> None:
        pair = pair_to(1)
        transaction_id = self.opened(pair)
        self.assertIsNone(self.checks.close(*self.answer(transaction_id), ELSEWHERE))
        self.assertIsNone(self.checks.close(*self.answer(transaction_id, A.key), pair.address))
        self.assertIsNone(self.checks.close(*self.answer(bytes(12)), pair.address))
        self.assertIn(transaction_id, self.checks)

    def test_late_answer_counts_while_the_next_check_is_under_way(self) -> None:
        pair = pair_to(1)
        first, second = self.opened(pair), self.opened(pair)
        self.assertIsNotNone(self.checks.close(*self.answer(first), pair.address))
        assert pair.check is not None
        self.assertEqual(pair.check.transaction_id, second)

    def test_two_checks_are_remembered_per_pair_and_a_bounded_number_in_all(self) -> None:
        pair = pair_to(1)
        ids = [self.opened(pair) for _ in range(5)]
        self.assertEqual([each in self.checks for each in ids], [False, False, False, True, True])
        for number in range(1000):
            self.opened(pair_to(number))
        self.assertEqual(len(self.checks), TRANSACTIONS_LIMIT)


class SeenRequestsTests(SynchronousTestCase):
    def test_retransmission_is_no_replay(self) -> None:
        seen = SeenRequests()
        here = SocketAddress("192.0.2.1", 1)
        self.assertEqual([seen.is_replay(b"id", here) for _ in range(3)], [False] * 3)
        self.assertTrue(seen.is_replay(b"id", ELSEWHERE))
        self.assertFalse(seen.is_replay(b"other", ELSEWHERE))

    def test_it_remembers_a_bounded_number(self) -> None:
        seen = SeenRequests()
        for number in range(SEEN_LIMIT + 1):
            seen.is_replay(number.to_bytes(12, "big"), ELSEWHERE)
        here = SocketAddress("192.0.2.1", 1)
        self.assertTrue(seen.is_replay((SEEN_LIMIT).to_bytes(12, "big"), here))
        self.assertFalse(seen.is_replay(bytes(12), here))
