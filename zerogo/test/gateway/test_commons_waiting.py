"""Streams that wait for the controller do so for a second at most, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.exit.claims import EdgeClaim, EdgeHeld, SessionClaim, SessionHeld
from zerogo.gateway.commons import CLAIMS_LIMIT, PAUSE_SECONDS, REQUESTS_BURST, WAIT_SECONDS, Commons


class Sessions:
    """Instead of routes: a session is known when it was answered."""

    is_alone = False

    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()

    def question(self, user: str, session: str, now: float) -> SessionClaim | EdgeClaim | None:
        if session == "-custom":
            return EdgeClaim(user, ["e1"])
        return None if (user, session) in self.known else SessionClaim(user, session, "e1", 0, 60.0)

    def take_session(self, claim: SessionClaim, held: SessionHeld, now: float) -> None:
        self.known.add((claim.user, claim.session))

    def take_edge(self, claim: EdgeClaim, held: EdgeHeld, now: float) -> None:
        pass

    def held(self, now: float) -> list[tuple[str, str]]:
        return [("held", str(number)) for number in range(2 * CLAIMS_LIMIT)]

    def again(self, key: tuple[str, str], now: float) -> SessionClaim | None:
        return SessionClaim(*key, "e1", 0, 60.0, 1.0 + now) if now < 59 else None

    def renewals(self, in_use: Any, now: float) -> list[tuple[str, str]]:
        return []


class WaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[ClaimRequest] = []
        self.is_here = True
        routes: Any = Sessions()
        self.commons = Commons(routes, self.send, self.clock)

    def send(self, request: ClaimRequest) -> bool:
        self.sent.append(request)
        return self.is_here

    def ask(self, user: str, session: str, then: Callable[[], object]) -> bool:
        grant: Any = user
        demand: Any = session
        return self.commons.ask_first(grant, demand, then)

    def answer(self) -> None:
        request = self.sent[-1]
        sessions = [SessionHeld(one.edge, one.turn, one.lasts, one.lasts) for one in request.sessions]
        self.commons.answered(Claimed(request.number, sessions, [EdgeHeld() for _ in request.edges]))

    def test_of_many_streams_none_waits_longer_though_each_answer_comes_in_time(self) -> None:
        waited: list[float] = []
        for number in range(10 * CLAIMS_LIMIT):
            self.assertTrue(self.ask("bob", f"s{number}", lambda: waited.append(self.clock.seconds())))
        for _ in range(4):
            self.clock.advance(0.9 * WAIT_SECONDS)
            self.answer()
        self.assertEqual(len(waited), 10 * CLAIMS_LIMIT)
        self.assertLess(max(waited), 2 * WAIT_SECONDS, "the clock takes steps of nearly a second")

    def test_what_nobody_waits_for_any_more_is_not_claimed(self) -> None:
        for number in range(2 * CLAIMS_LIMIT):
            self.ask("bob", f"s{number}", lambda: None)
        self.clock.advance(0.9 * WAIT_SECONDS)
        self.answer()
        before = len(self.sent)
        self.clock.advance(0.2 * WAIT_SECONDS)
        self.assertTrue(self.ask("eve", "k", lambda: None))
        self.answer()
        self.assertEqual(
            [(one.user, one.session) for request in self.sent[before:] for one in request.sessions], [("eve", "k")]
        )

    def test_what_is_held_is_claimed_with_its_age_when_the_request_is_sent_and_not_when_it_is_over(self) -> None:
        self.commons.tell_all()
        self.clock.advance(5.0)
        self.answer()
        ages = [{one.age for one in request.sessions} for request in self.sent]
        self.assertEqual(ages, [{1.0}, {6.0}])
        self.answer()
        self.commons.tell_all()
        self.clock.advance(55.0)
        self.answer()
        self.assertEqual(len(self.sent), 3, "nothing is left to be claimed")

    def test_times_that_are_rounded_are_none_too_short(self) -> None:
        for step in (0.1, 1 / 3, 0.7):
            waited: list[float] = []
            self.clock.advance(step)
            self.ask("bob", f"s{step}", lambda waited=waited: waited.append(1.0))  # type: ignore[misc]
            self.clock.advance(WAIT_SECONDS)
            self.assertEqual(waited, [1.0])
            self.answer()

    def test_streams_that_go_on_may_begin_others_at_once(self) -> None:
        """As the next request on a connection of a proxy's user does when the one before it failed."""
        self.is_here = False
        while len(self.sent) < REQUESTS_BURST:
            self.assertFalse(self.ask("x", "-custom", lambda: None))
        gone_on: list[str] = []

        def then(user: str, next_user: str) -> Callable[[], object]:
            def go_on() -> None:
                gone_on.append(user)
                self.ask(next_user, "-custom", lambda: gone_on.append(f"next of {user}"))

            return go_on

        self.assertTrue(self.ask("ann", "-custom", then("ann", "cid")))
        self.assertTrue(self.ask("bob", "-custom", then("bob", "bob")))
        for _ in range(10):
            self.clock.advance(PAUSE_SECONDS)
            self.commons.tick(set)
        self.assertEqual(sorted(gone_on), ["ann", "bob", "next of bob"])
        self.clock.advance(WAIT_SECONDS)
        self.is_here = True
        self.assertTrue(self.ask("eve", "-custom", lambda: gone_on.append("eve")))
        self.answer()
        self.assertEqual(gone_on[-1], "eve")
