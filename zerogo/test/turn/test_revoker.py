"""A relay is told, through loss and restarts, for as long as it matters."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.stun.attributes import Software
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.test.turn.bench import SECRET, UNIX
from zerogo.turn.message import TurnMethod, parse
from zerogo.turn.revocation import Revocation, Revocations
from zerogo.turn.revoker import LOOK_SECONDS, SILENT_SECONDS, RelaySilent, Revoker

SERVER = SocketAddress("192.0.2.7", 3478)
ENDS = int(UNIX) + 3600


class RevokerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.relay = Revocations([SECRET], b"epoch  1")
        self.is_up = True
        self.requests = 0
        self.told: list[list[str]] = []
        self.events: list[RelaySilent] = []
        self.revoker = Revoker(SERVER, SECRET, random.Random(1).randbytes, lambda: UNIX + self.now)

    def settle(self) -> None:
        for transmit in iter(lambda: next(self.revoker.transmits(), None), None):
            self.requests += 1
            self.assertEqual(transmit.destination, SERVER)
            self.assertLess(len(transmit.payload), 1200)
            if self.is_up:
                received = self.relay.receive(parse(transmit.payload), transmit.payload, UNIX + self.now)
                assert received is not None
                self.told.append([each.user for each in received[1]])
                self.revoker.receive_datagram(received[0], SERVER, self.now)
        self.events += self.revoker.events()

    def revoke(self, *users: str) -> None:
        self.revoker.revoke([Revocation(user, ENDS) for user in users], self.now)
        self.settle()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.revoker.next_timer()) is not None and due.at <= end:
            self.now = max(self.now, due.at)
            self.revoker.handle_timer(self.now)
            self.settle()
        self.now = end

    def test_it_is_told_at_once_and_once(self) -> None:
        self.revoke("ann")
        self.revoke("ann")
        self.assertEqual((self.told, self.requests), ([["ann"]], 1))

    def test_what_is_lost_is_told_again_and_never_given_up_while_it_matters(self) -> None:
        self.is_up = False
        self.revoke("ann")
        self.advance(600.0)
        self.assertLess(self.requests, 130)
        self.assertEqual(self.events, [RelaySilent()])
        self.is_up = True
        self.advance(5.0)
        self.assertEqual(self.told, [["ann"]])

    def test_silence_is_told_once_each_time(self) -> None:
        for _ in range(2):
            self.is_up = False
            self.revoke(f"user {self.now}")
            self.advance(SILENT_SECONDS + 5.0)
            self.is_up = True
            self.advance(10.0)
        self.assertEqual(len(self.events), 2)

    def test_a_restarted_relay_is_told_everything_again(self) -> None:
        everybody = [f"user {number}" for number in range(200)]
        self.revoke(*everybody)
        self.relay = Revocations([SECRET], b"epoch  2")
        self.told.clear()
        self.advance(LOOK_SECONDS)
        self.assertEqual(sorted(user for users in self.told for user in users), sorted(everybody))
        before = self.requests
        self.advance(LOOK_SECONDS)
        self.assertEqual(self.requests, before + 1)

    def test_what_is_over_is_not_told_and_then_nothing_is_sent(self) -> None:
        self.is_up = False
        self.revoke("ann")
        self.advance(3605.0)
        self.assertTrue(self.revoker.is_idle)
        self.assertIsNone(self.revoker.next_timer())
        self.is_up = True
        self.revoke("bob")
        self.assertEqual((self.told, self.revoker.is_idle), ([], True))

    def test_news_do_not_wait_for_a_request_that_was_lost(self) -> None:
        self.is_up = False
        self.revoke("ann")
        self.is_up = True
        self.revoke("bob")
        self.assertEqual(self.told, [["ann", "bob"]])

    def test_only_the_relay_itself_can_answer(self) -> None:
        self.is_up = False
        self.revoker.revoke([Revocation("ann", ENDS)], 0.0)
        (sent,) = self.revoker.transmits()
        received = self.relay.receive(parse(sent.payload), sent.payload, UNIX)
        assert received is not None
        forged = Message(TurnMethod.REVOKE, MessageClass.SUCCESS, parse(sent.payload).transaction_id, (Software("x"),))
        self.revoker.receive_datagram(received[0], SocketAddress("192.0.2.8", 3478), 0.0)
        self.revoker.receive_datagram(emit(forged), SERVER, 0.0)
        self.advance(1.0)
        self.assertGreater(self.requests, 0)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80))
    def test_any_datagram_is_survived(self, data: bytes) -> None:
        self.setUp()
        self.is_up = False
        self.revoke("ann")
        self.revoker.receive_datagram(data, SERVER, 0.0)
        self.is_up = True
        self.advance(1.0)
        self.assertEqual(self.told, [["ann"]])

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["revoke", "lose", "find", "restart", "pass"]), st.integers(0, 9)), max_size=30
        )
    )
    def test_in_the_end_the_relay_knows_everybody(self, steps: list[tuple[str, int]]) -> None:
        self.setUp()
        for step, number in steps:
            if step == "revoke":
                self.revoke("x" * (number + 1) + str(self.now))
            elif step == "restart":
                self.relay = Revocations([SECRET], f"epoch{number:3}".encode())
            elif step == "pass":
                self.advance(float(number))
            else:
                self.is_up = step == "find"
        self.is_up = True
        known = dict(self.revoker._known)
        self.relay = Revocations([SECRET], b"the last")
        self.advance(3 * LOOK_SECONDS)
        for user in known:
            self.assertTrue(self.relay.is_void(user, ENDS), user)
