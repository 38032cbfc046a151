"""Claims of sessions and exclusive edges, kept in memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.exit.claim_book import FORGET_SECONDS, ClaimBook
from zerogo.exit.claims import EDGE_SECONDS, SETTLING_SECONDS, EdgeClaim, EdgeHeld, SessionClaim, SessionHeld
from zerogo.test.exit.claim_suite import LIMIT, ClaimSuite


class ClaimBookTests(ClaimSuite, TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.book = ClaimBook(self.now, LIMIT, LIMIT)

    async def settle(
        self, sessions: list[SessionClaim], edges: list[EdgeClaim]
    ) -> tuple[list[SessionHeld], list[EdgeHeld]]:
        return self.book.settle(sessions, edges, self.now)

    async def advance(self, seconds: float) -> None:
        self.now += seconds

    async def lose_all(self) -> None:
        self.book = ClaimBook(self.now, LIMIT, LIMIT)

    async def test_what_is_over_makes_room(self) -> None:
        for number in range(LIMIT):
            await self.session("a", name=f"n{number}")
        await self.edge("ann", "a", is_held=True)
        await self.advance(max(2 * FORGET_SECONDS, EDGE_SECONDS) + 1)
        await self.session("a", name="new")
        self.assertEqual((await self.session("b", name="new")).edge, "a")
        self.assertEqual([len(kept) for kept in (self.book._sessions, self.book._edges, self.book._users)], [1, 0, 0])


class ExclusiveTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("uvwxy"),
                st.lists(st.sampled_from("abc"), max_size=3),
                st.booleans(),
                st.sampled_from(("", "a", "b", "c")),
                st.sampled_from((0.0, 1.0, EDGE_SECONDS - 2, EDGE_SECONDS)),
            ),
            max_size=30,
        )
    )
    def test_whatever_is_claimed_no_edge_has_two_users(
        self, claims: list[tuple[str, list[str], bool, str, float]]
    ) -> None:
        book, now = ClaimBook(0.0), SETTLING_SECONDS
        held: dict[tuple[str, str], float] = {}
        for user, edges, is_held, lost, seconds in claims:
            now += seconds
            (_, (answer,)) = book.settle([], [EdgeClaim(user, edges, is_held, lost)], now)
            if answer.edge:
                others = [
                    by for (by, edge), until in held.items() if edge == answer.edge and now < until and by != user
                ]
                self.assertEqual(others, [], "by what some gateway was told")
                held[user, answer.edge] = now + EDGE_SECONDS
