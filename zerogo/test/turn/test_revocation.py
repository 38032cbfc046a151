"""A relay is told whom to serve no longer: by whom, until when, and what ends."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.secret import Secret
from zerogo.stun.attributes import ErrorCode
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.test.turn.bench import SECRET, UDP, UNIX, Bench, BenchClient, udp
from zerogo.turn import revocation
from zerogo.turn.attributes import Epoch, Revoked
from zerogo.turn.credentials import timed_password, timed_username
from zerogo.turn.events import AllocationEnded
from zerogo.turn.message import TurnMethod, parse
from zerogo.turn.revocation import Revocation, Revocations, emit_request, parse_answer, revocation_key

KEY = revocation_key(SECRET)
TELLER = udp("192.0.2.99", 999)
IDENTITY = bytes(range(12))
ENDS = int(UNIX) + 3600


def timed(bench: Bench, user: str, port: int, expires_at: float = ENDS) -> BenchClient:
    name = timed_username(user, expires_at)
    return BenchClient(bench, udp(port=port), name, timed_password(SECRET, name).reveal())


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.ann, self.bob = timed(self.bench, "ann", 1), timed(self.bench, "bob", 2)
        self.assertEqual([self.ann.allocate(), self.bob.allocate()], [0, 0])

    def tell(self, *revocations: Revocation) -> bytes:
        """The epoch that the relay answers with."""
        (answer,) = self.bench.from_client(emit_request(KEY, IDENTITY, revocations), TELLER)
        return parse_answer(answer, KEY, IDENTITY)

    def refusal(self, client: BenchClient) -> int:
        (raw,) = self.bench.from_client(client.message(TurnMethod.ALLOCATE, (UDP,)), client.address)
        error = parse(raw).get(ErrorCode)
        assert error is not None
        return error.code

    def ended(self) -> list[str]:
        return [f"{each.user} {each.reason}" for each in self.bench.seen if isinstance(each, AllocationEnded)]

    def test_what_the_user_was_lent_ends_at_once_and_the_others_goes_on(self) -> None:
        self.tell(Revocation("ann", ENDS))
        self.assertEqual((self.ended(), self.bench.server.counters.revoked), (["ann revoked"], 1))
        self.assertEqual(len(self.bench.open_relays), 1)
        self.assertEqual(self.bob.code(TurnMethod.REFRESH), 0)

    def test_a_void_credential_is_answered_like_a_wrong_one_until_it_ends(self) -> None:
        self.tell(Revocation("ann", ENDS))
        self.assertEqual(self.refusal(self.ann), 401)
        self.assertEqual(self.refusal(timed(self.bench, "ann", 3, ENDS - 900)), 401)
        self.bench.pass_time(3601)
        self.assertEqual(self.refusal(self.ann), 438)
        self.assertEqual(self.refusal(timed(self.bench, "ann", 4)), 401)

    def test_a_later_credential_of_the_same_user_is_good_and_a_repeated_word_ends_nothing_of_it(self) -> None:
        self.tell(Revocation("ann", ENDS))
        again = timed(self.bench, "ann", 3, ENDS + 1)
        self.assertEqual(again.allocate(), 0)
        self.tell(Revocation("ann", ENDS))
        self.assertEqual(again.code(TurnMethod.REFRESH), 0)

    def test_an_allocation_that_was_refreshed_with_a_later_credential_outlives_word_of_the_earlier_one(self) -> None:
        later = timed(self.bench, "ann", 1, ENDS + 60)
        later.nonce = self.ann.nonce
        self.assertEqual(later.code(TurnMethod.REFRESH), 0)
        self.tell(Revocation("ann", ENDS))
        self.assertEqual(self.ended(), [])

    def test_users_with_a_password_are_not_concerned(self) -> None:
        static = BenchClient(self.bench, udp(port=5))
        self.assertEqual(static.allocate(), 0)
        self.tell(Revocation("alice", ENDS))
        self.assertEqual(static.code(TurnMethod.REFRESH), 0)

    def test_what_is_not_made_with_the_secret_is_not_answered_and_ends_nothing(self) -> None:
        good = Message(TurnMethod.REVOKE, MessageClass.REQUEST, IDENTITY, (Revoked(Revocation("ann", ENDS).encode()),))
        for data in (
            emit(good),
            emit(good, revocation_key(Secret("another secret")), integrity=Integrity.SHA256),
            emit(good, KEY, integrity=Integrity.SHA1),
            emit(good, KEY, integrity=Integrity.BOTH),
            emit(evolve(good, attributes=()), KEY, integrity=Integrity.SHA256),
            emit(evolve(good, attributes=(Revoked(b""),)), KEY, integrity=Integrity.SHA256),
            emit(evolve(good, message_class=MessageClass.INDICATION), KEY, integrity=Integrity.SHA256),
        ):
            self.assertEqual(self.bench.from_client(data, TELLER), [])
        self.assertEqual(self.ended(), [])

    def test_an_answer_is_not_longer_than_the_shortest_request(self) -> None:
        request = emit_request(KEY, IDENTITY, [Revocation("a", ENDS)])
        (answer,) = self.bench.from_client(request, TELLER)
        self.assertLessEqual(len(answer), len(request))

    def test_a_restarted_relay_has_another_epoch(self) -> None:
        first = self.tell(Revocation("carl", ENDS))
        self.assertEqual(self.tell(Revocation("ann", ENDS)), first)
        other = Revocations([SECRET], b"restart!")
        request = emit_request(KEY, IDENTITY, [Revocation("ann", ENDS)])
        received = other.receive(parse(request), request, UNIX)
        assert received is not None
        self.assertNotEqual(parse_answer(received[0], KEY, IDENTITY), first)


class TableTests(SynchronousTestCase):
    def table(self) -> Revocations:
        return Revocations([SECRET], bytes(8))

    def learn(self, table: Revocations, *revocations: Revocation, unix_now: float = UNIX) -> tuple[Revocation, ...]:
        request = emit_request(KEY, IDENTITY, revocations)
        received = table.receive(parse(request), request, unix_now)
        assert received is not None
        return received[1]

    def test_only_what_says_more_than_before_is_new(self) -> None:
        table = self.table()
        first, later = Revocation("ann", ENDS), Revocation("ann", ENDS + 5)
        told = [self.learn(table, each) for each in (first, first, later, first)]
        self.assertEqual(told, [(first,), (), (later,), ()])
        self.assertTrue(table.is_void("ann", ENDS + 5))
        self.assertFalse(table.is_void("ann", ENDS + 6))
        self.assertFalse(table.is_void("ann", None))
        self.assertEqual(self.learn(table, Revocation("carl", int(UNIX))), ())

    def test_it_is_bounded_and_those_that_are_over_make_room_first(self) -> None:
        self.patch(revocation, "KNOWN_LIMIT", 3)
        table = self.table()
        self.learn(table, *(Revocation(name, ENDS + at) for at, name in enumerate("abc")))
        self.learn(table, Revocation("d", ENDS + 9))
        self.assertEqual([table.is_void(name, ENDS) for name in "abcd"], [False, True, True, True])
        self.learn(table, Revocation("e", ENDS + 99), unix_now=ENDS + 2)
        self.assertEqual((len(table), table.is_void("d", ENDS), table.is_void("e", ENDS)), (2, True, True))

    def test_a_full_table_is_looked_through_once_in_a_while_and_not_for_each_word(self) -> None:
        self.patch(revocation, "KNOWN_LIMIT", 3)
        table = self.table()
        ends = [ENDS, ENDS + 1, ENDS + 2]
        self.learn(table, *(Revocation(name, until) for name, until in zip("abc", ends, strict=True)))
        self.learn(table, Revocation("d", ENDS + 90), unix_now=UNIX)
        self.learn(table, Revocation("e", ENDS + 91), unix_now=UNIX + revocation.PURGE_SECONDS - 1)
        self.assertEqual([table.is_void(name, ENDS) for name in "abcde"], [False, False, True, True, True])
        looks: list[int] = []

        class Watched(OrderedDict[str, int]):
            def items(self) -> Any:
                looks.append(len(self))
                return super().items()

        table._until = Watched(table._until)
        told = (Revocation(f"u{number}", ENDS + 99) for number in range(30))
        self.learn(table, *told, unix_now=ENDS + 2)
        self.assertEqual((looks, len(table)), ([3], 3))

    def test_answers_to_something_else_are_refused(self) -> None:
        answer = Message(TurnMethod.REVOKE, MessageClass.SUCCESS, IDENTITY, (Epoch(bytes(8)),))
        good = emit(answer, KEY, integrity=Integrity.SHA256)
        self.assertEqual(parse_answer(good, KEY, IDENTITY), bytes(8))
        for data in (
            emit(answer),
            emit(answer, b"another key", integrity=Integrity.SHA256),
            emit(evolve(answer, message_class=MessageClass.ERROR), KEY, integrity=Integrity.SHA256),
            emit(evolve(answer, method=TurnMethod.REFRESH), KEY, integrity=Integrity.SHA256),
            emit(evolve(answer, attributes=()), KEY, integrity=Integrity.SHA256),
        ):
            self.assertRaises(ParseError, parse_answer, data, KEY, IDENTITY)
        self.assertRaises(ParseError, parse_answer, good, KEY, bytes(12))

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.tuples(st.text(min_size=1, max_size=25), st.integers(ENDS, 2**32 - 1)), min_size=1, max_size=9))
    def test_what_is_told_is_known(self, pairs: list[tuple[str, int]]) -> None:
        table = self.table()
        self.learn(table, *(Revocation(user, until) for user, until in pairs))
        for user, until in pairs:
            self.assertTrue(table.is_void(user, until))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=64))
    def test_any_bytes_are_taken_or_refused_in_one_way(self, value: bytes) -> None:
        message = Message(TurnMethod.REVOKE, MessageClass.REQUEST, IDENTITY, (Revoked(value),))
        raw = emit(message, KEY, fingerprint=False, integrity=Integrity.SHA256)
        bench = Bench()
        bench.from_client(raw, TELLER)
        counters = bench.server.counters
        self.assertEqual(counters.malformed + counters.ignored + len(bench.to_clients), 1)
