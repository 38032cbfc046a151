"""A nonce that was handed out belongs to the first connection that an authentic request came by with it."""

from __future__ import annotations

from attrs import define, evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.attributes import ErrorCode, Nonce
from zerogo.test.turn.bench import SECRET, UDP, Bench, BenchClient
from zerogo.turn import nonce_uses
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.attributes import XorPeerAddress
from zerogo.turn.credentials import timed_password, timed_username
from zerogo.turn.message import TurnMethod, parse
from zerogo.turn.nonce import CLOCKS_SECONDS, NONCE_SECONDS, hand_out
from zerogo.turn.nonce_uses import USE_SECONDS, USES_LIMIT, NonceUses

ANN = ClientAddress(1, ClientTransport.TCP, SocketAddress("192.0.2.1", 4000))
EVE = ClientAddress(1, ClientTransport.TCP, SocketAddress("192.0.2.66", 4000))
PEER = XorPeerAddress(SocketAddress("5.5.5.5", 1))


def numbered(number: int) -> ClientAddress:
    return evolve(ANN, address=SocketAddress("192.0.2.2", number + 1))


class NonceUsesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.uses = NonceUses()

    def test_question_alone_is_not_remembered(self) -> None:
        self.assertTrue(self.uses.may_use(b"nonce", EVE, 0.0))
        self.assertEqual(len(self.uses), 0)
        self.assertTrue(self.uses.may_use(b"nonce", ANN, 0.0))

    def test_it_belongs_to_the_first_connection_for_its_time_even_when_that_is_closed(self) -> None:
        self.uses.use(b"nonce", ANN, 0.0)
        self.uses.use(b"nonce", ANN, 5.0)
        self.assertTrue(self.uses.may_use(b"nonce", ANN, USE_SECONDS))
        self.uses.connection_lost(ANN)
        for client in (ANN, EVE):
            self.assertFalse(self.uses.may_use(b"nonce", client, USE_SECONDS))
        self.uses.connection_lost(ANN)
        self.assertTrue(self.uses.may_use(b"another", ANN, USE_SECONDS))

    def test_connection_has_one(self) -> None:
        self.uses.use(b"nonce", ANN, 0.0)
        self.assertFalse(self.uses.may_use(b"another", ANN, 0.0))
        self.assertTrue(self.uses.may_use(b"another", ANN, USE_SECONDS + 1))

    def test_entries_end_when_no_nonce_can_be_good_any_more(self) -> None:
        self.assertGreaterEqual(USE_SECONDS, NONCE_SECONDS + CLOCKS_SECONDS)
        for number in range(3):
            self.uses.use(b"%d" % number, numbered(number), float(number))
        self.uses.connection_lost(numbered(0))
        self.uses.may_use(b"", EVE, USE_SECONDS + 1.5)
        self.assertEqual(len(self.uses), 1)
        self.uses.connection_lost(numbered(1))
        self.uses.may_use(b"", EVE, USE_SECONDS + 2.5)
        self.assertEqual(len(self.uses), 0)

    def test_full_table_takes_no_other_nonce_and_gives_no_place_away(self) -> None:
        for number in range(USES_LIMIT):
            self.assertTrue(self.uses.may_use(b"%d" % number, numbered(number), 0.0))
            self.uses.use(b"%d" % number, numbered(number), 0.0)
        self.assertFalse(self.uses.may_use(b"one more", ANN, USE_SECONDS))
        self.assertTrue(self.uses.may_use(b"0", numbered(0), USE_SECONDS))
        self.assertFalse(self.uses.may_use(b"0", EVE, USE_SECONDS))
        self.assertEqual(len(self.uses), USES_LIMIT)
        self.assertTrue(self.uses.may_use(b"one more", ANN, USE_SECONDS + 1))


@define
class Recorder:
    """A client with a nonce that was handed out, and what it sent."""

    bench: Bench
    client: BenchClient

    @classmethod
    def on(cls, bench: Bench, address: ClientAddress = ANN) -> Recorder:
        name = timed_username("ann", bench.unix() + 3600)
        nonce = hand_out(SECRET, name, bench.unix())
        return cls(bench, BenchClient(bench, address, name, timed_password(SECRET, name).reveal(), nonce))

    @property
    def requests(self) -> list[bytes]:
        return [
            self.client.message(TurnMethod.ALLOCATE, (UDP,)),
            self.client.message(TurnMethod.CREATE_PERMISSION, (PEER,)),
        ]


class ReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.ann = Recorder.on(self.bench)

    def codes(self, requests: list[bytes], address: ClientAddress) -> list[int]:
        answers = [answer for each in requests for answer in self.bench.from_client(each, address)]
        return [0 if error is None else error.code for error in (parse(each).get(ErrorCode) for each in answers)]

    def test_overheard_requests_are_stale_on_another_connection_and_lend_nothing(self) -> None:
        overheard = self.ann.requests
        self.assertEqual(self.codes(overheard, ANN), [0, 0])
        for address in (EVE, evolve(ANN, listener=2), evolve(ANN, transport=ClientTransport.TLS)):
            self.assertEqual(self.codes(overheard, address), [438, 438])
            self.assertFalse(self.bench.server.serves(address, self.bench.now))
        self.assertEqual(self.bench.server.allocations, 1)
        self.assertEqual(self.ann.client.code(TurnMethod.REFRESH), 0)

    def test_overheard_requests_are_stale_after_the_connection_from_its_own_port_too(self) -> None:
        overheard = self.ann.requests
        self.codes(overheard, ANN)
        self.bench.server.client_lost(ANN, self.bench.now)
        self.bench.settle()
        for address in (ANN, EVE):
            self.assertEqual(self.codes(overheard, address), [438, 438])
        self.assertTrue(self.bench.server.is_idle)

    def test_request_without_the_key_takes_nothing_from_whom_the_nonce_is_for(self) -> None:
        eve = BenchClient(self.bench, EVE, self.ann.client.username, "guessed", self.ann.client.nonce)
        self.assertEqual(self.codes([eve.message(TurnMethod.ALLOCATE, (UDP,))], EVE), [401])
        self.assertEqual(self.codes(self.ann.requests, ANN), [0, 0])

    def test_nonce_that_is_told_with_the_refusal_is_good_for_who_has_the_key(self) -> None:
        self.codes(self.ann.requests, ANN)
        again = Recorder.on(self.bench, evolve(ANN, address=SocketAddress("192.0.2.1", 4001))).client
        (answer,) = self.bench.from_client(again.message(TurnMethod.ALLOCATE, (UDP,)), again.address)
        told = parse(answer).get(Nonce)
        assert told is not None
        again.nonce = told.nonce
        self.assertEqual(again.allocate(), 0)

    def test_full_table_costs_a_challenge(self) -> None:
        self.patch(nonce_uses, "USES_LIMIT", 0)
        self.assertEqual(self.codes(self.ann.requests, ANN), [438, 438])
        self.ann.client.nonce = None
        self.assertEqual(self.ann.client.allocate(), 0)
