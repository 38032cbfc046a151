"""What has to hold wherever claims of sessions and exclusive edges are kept: in memory, and in Redis."""

from __future__ import annotations

from typing import Any

from zerogo.exit.claims import EDGE_SECONDS, SETTLING_SECONDS, EdgeClaim, EdgeHeld, SessionClaim, SessionHeld

LIMIT = 20
"""Sessions of the book under test, and exclusive edges."""
SLACK_SECONDS = 8.0
"""Redis has a clock of its own, which goes on while the test runs."""


class ClaimSuite:
    """For a TestCase that says how to `settle`, how to let time pass, and how to lose everything."""

    assertEqual: Any
    assertTrue: Any

    async def settle(
        self, sessions: list[SessionClaim], edges: list[EdgeClaim]
    ) -> tuple[list[SessionHeld], list[EdgeHeld]]:
        raise NotImplementedError

    async def advance(self, seconds: float) -> None:
        raise NotImplementedError

    async def lose_all(self) -> None:
        raise NotImplementedError

    async def session(self, edge: str = "a", turn: int = 0, **more: Any) -> SessionHeld:
        claim = SessionClaim(more.pop("user", "bob"), more.pop("name", "k7"), edge, turn, more.pop("lasts", 60.0))
        age, over = more.pop("age", 0.0), more.pop("over", ("", 0))
        claim = SessionClaim(claim.user, claim.session, edge, turn, claim.lasts, age, *over)
        ((held,), _) = await self.settle([claim], [])
        return held

    async def edge(self, user: str, *edges: str, is_held: bool = False, lost: str = "") -> str:
        (_, (held,)) = await self.settle([], [EdgeClaim(user, list(edges), is_held, lost)])
        return held.edge

    def assert_session(self, held: SessionHeld, edge: str, turn: int, left: float) -> None:
        self.assertEqual((held.edge, held.turn), (edge, turn))
        self.assertTrue(left - SLACK_SECONDS < held.left < left + 0.01, held)

    async def test_a_session_is_whose_gateway_began_it_with_the_same_minutes_for_all(self) -> None:
        self.assert_session(await self.session("a"), "a", 0, 60)
        await self.advance(40)
        held = await self.session("b", lasts=600.0)
        self.assert_session(held, "a", 0, 20)
        self.assertEqual(held.lasts, 60.0)
        self.assert_session(await self.session("b", user="eve"), "b", 0, 60)
        self.assert_session(await self.session("b", name="k8"), "b", 0, 60)

    async def test_the_next_turn_begins_by_whoever_knows_the_one_that_is_over(self) -> None:
        await self.session("a")
        await self.advance(70)
        self.assert_session(await self.session("b"), "a", 0, -10)
        self.assert_session(await self.session("c", 1, over=("a", 0)), "c", 1, 60)
        self.assert_session(await self.session("d", 1, over=("a", 0)), "c", 1, 60)

    async def test_a_session_that_was_over_for_as_long_as_it_lasted_is_forgotten(self) -> None:
        await self.session("a", 7)
        await self.advance(125)
        self.assert_session(await self.session("b"), "b", 0, 60)

    async def test_what_is_told_again_keeps_its_age_and_loses_to_what_is_held(self) -> None:
        self.assert_session(await self.session("a", 3, age=45.0), "a", 3, 15)
        self.assert_session(await self.session("b", age=50.0), "a", 3, 15)
        await self.advance(30)
        self.assert_session(await self.session("b", age=50.0), "b", 0, 10)

    async def test_sessions_are_bounded(self) -> None:
        for number in range(3 * LIMIT):
            await self.session("a", name=f"n{number}")
        held = await self.session("b", name=f"n{3 * LIMIT - 1}")
        self.assertEqual(held.edge, "b", "the last one was not kept")
        self.assertEqual((await self.session("b", name="n0")).edge, "a")

    async def test_exclusive_edges_are_bounded_and_what_is_over_makes_room(self) -> None:
        given = [await self.edge(f"u{number}", f"e{number}", is_held=True) for number in range(LIMIT + 5)]
        self.assertEqual(given, [f"e{number}" for number in range(LIMIT)] + [""] * 5)
        self.assertEqual(await self.edge("u0", "e0", is_held=True), "e0", "who has one keeps it")
        await self.advance(EDGE_SECONDS + 1)
        self.assertEqual(await self.edge("late", "e99"), "e99")

    async def test_sessions_that_are_over_make_room(self) -> None:
        for number in range(LIMIT):
            await self.session("a", name=f"n{number}")
        await self.advance(121)
        await self.session("a", name="new")
        self.assertEqual((await self.session("b", name="new")).edge, "a")

    async def test_no_session_has_more_left_than_it_lasts(self) -> None:
        await self.session("a", lasts=86_400.0)
        await self.advance(-60)
        held = await self.session("b", lasts=86_400.0)
        self.assertEqual((held.edge, held.left), ("a", 86_400.0))

    async def test_an_edge_has_one_user_and_a_user_one_edge(self) -> None:
        await self.advance(SETTLING_SECONDS)
        self.assertEqual(await self.edge("ann", "a", "b"), "a")
        self.assertEqual(await self.edge("bob", "a", "b"), "b")
        self.assertEqual(await self.edge("cid", "a", "b"), "")
        self.assertEqual(await self.edge("ann", "c"), "a", "it has one")
        self.assertEqual(await self.edge("cid", "a", "b", "c"), "c")

    async def test_of_many_that_claim_together_each_edge_goes_to_one(self) -> None:
        await self.advance(SETTLING_SECONDS)
        claims = [EdgeClaim(f"u{number}", ["a", "b", "c"]) for number in range(5)]
        _, held = await self.settle([], claims)
        self.assertEqual([one.edge for one in held], ["a", "b", "c", "", ""])

    async def test_an_edge_is_held_until_its_time_is_over_and_renewed_by_each_claim(self) -> None:
        await self.advance(SETTLING_SECONDS)
        await self.edge("ann", "a")
        await self.advance(EDGE_SECONDS - 30)
        self.assertEqual(await self.edge("bob", "a"), "")
        self.assertEqual(await self.edge("ann", "a", is_held=True), "a")
        await self.advance(EDGE_SECONDS - 30)
        self.assertEqual(await self.edge("bob", "a"), "")
        await self.advance(40)
        self.assertEqual(await self.edge("bob", "a"), "a")
        self.assertEqual(await self.edge("ann", "a", is_held=True), "", "it came too late")

    async def test_for_an_edge_that_is_lost_another_one_is_given_and_it_is_free_when_its_time_is_over(self) -> None:
        await self.advance(SETTLING_SECONDS)
        await self.edge("eve", "d")
        await self.edge("ann", "a")
        self.assertEqual(await self.edge("ann", "b", lost="a"), "b")
        self.assertEqual(await self.edge("bob", "a"), "", "a gateway that knows of no loss gives it to ann")
        self.assertEqual(await self.edge("ann", "c", lost="a"), "b", "that was known already")
        self.assertEqual(await self.edge("ann", "d", lost="b"), "", "no other one is free")
        self.assertEqual(await self.edge("ann", "c"), "b", "so it keeps what it had")
        await self.advance(EDGE_SECONDS - 30)
        self.assertEqual(await self.edge("ann", "b", is_held=True), "b")
        await self.advance(31)
        self.assertEqual(await self.edge("bob", "a"), "a")

    async def test_after_a_loss_those_who_hold_an_edge_come_first(self) -> None:
        await self.advance(SETTLING_SECONDS)
        await self.edge("ann", "a")
        await self.lose_all()
        (_, held) = await self.settle([], [EdgeClaim("bob", ["a", "b"])])
        self.assertEqual(held, [EdgeHeld("", is_settling=True)])
        self.assertEqual(await self.edge("ann", "a", is_held=True), "a")
        self.assertEqual(await self.edge("eve", "a", is_held=True), "", "whoever says so first has it")
        await self.advance(SETTLING_SECONDS)
        self.assertEqual(await self.edge("bob", "a", "b"), "b")
