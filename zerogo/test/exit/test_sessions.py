"""Sessions and route modes keep users where they want to be."""

from __future__ import annotations

import random

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.choose import Demand, Policy, Pool
from zerogo.exit.claims import LASTS_SECONDS, TURNS, SessionClaim, SessionHeld
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.frames import Command
from zerogo.exit.grant import Grant, Route, RouteMode
from zerogo.exit.sessions import LEASE_IDLE_SECONDS, Routes
from zerogo.exit.target import Target
from zerogo.exit.username import Wish


def demand(session: str = "", minutes: int = 10, is_strict: bool = False) -> Demand:
    wish = Wish(session=session, minutes=minutes, is_strict=is_strict)
    return Demand(command=Command.CONNECT, target=Target("example.net", 443), wish=wish)


class RoutesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = Pool(Policy.RANDOM, random.Random(3).random)
        for number in range(20):
            self.pool.add(EdgeProfile(edge=f"e{number}"))
        self.routes = Routes(self.pool)

    def edge(self, user: str, wanted: Demand, now: float, route: Route | None = None) -> str | None:
        state = self.routes.edge_for(Grant(user=user, route=route or Route()), wanted, now)
        return None if state is None else state.profile.edge

    def test_a_session_keeps_its_edge_for_its_time_and_is_private(self) -> None:
        first = self.edge("bob", demand("k"), 0.0)
        self.assertEqual({self.edge("bob", demand("k"), float(now)) for now in range(0, 599, 50)}, {first})
        self.assertGreater(len({self.edge(f"u{n}", demand("k"), 0.0) for n in range(20)}), 3)
        self.assertGreater(len({self.edge("bob", demand("k", minutes=1), 1000.0 + 61 * n) for n in range(20)}), 3)

    def test_when_its_edge_is_gone_a_strict_session_fails_and_another_moves(self) -> None:
        for session, is_strict in (("a", True), ("b", False)):
            first = self.edge("bob", demand(session, is_strict=is_strict), 0.0)
            assert first is not None
            self.pool.remove(first)
            second = self.edge("bob", demand(session, is_strict=is_strict), 1.0)
            self.assertEqual(second is None, is_strict)
            self.assertNotEqual(second, first)

    def test_gateways_that_know_nothing_of_each_other_give_a_session_the_same_edges(self) -> None:
        other = Pool(Policy.P2C_PEAK_EWMA, random.Random(4).random)
        for number in reversed(range(20)):
            other.add(EdgeProfile(edge=f"e{number}"))
        here, there = self.routes, Routes(other)
        kinds = [(demand(f"s{n}"), Route()) for n in range(20)]
        kinds += [(demand(), Route(mode=RouteMode.TIMED))]
        for wanted, route in kinds:
            grant, found = Grant(user="bob", route=route), []
            for began_at in (0.0, 605.0, 1210.0):
                edges = [
                    routes.edge_for(grant, wanted, now) for routes in (here, there) for now in (began_at, began_at + 4)
                ]
                self.assertEqual(len({state and state.profile.edge for state in edges}), 1)
                found.append(edges[0] and edges[0].profile.edge)
            self.assertTrue(found[0] != found[1] != found[2])

    def test_a_lease_is_of_the_same_edge_at_a_gateway_that_knows_nothing_of_it(self) -> None:
        grant = Grant(user="bob", route=Route(mode=RouteMode.CUSTOM))
        found = [routes.edge_for(grant, demand(), 0.0) for routes in (self.routes, Routes(self.pool))]
        self.assertIs(found[0], found[1])

    def test_what_would_be_taken_is_told_and_not_taken(self) -> None:
        cases = [(demand("k"), Route()), (demand("k", is_strict=True), Route())]
        cases += [(demand(), Route(mode=mode, edge="e7")) for mode in RouteMode if mode is not RouteMode.AUTO]
        for now in (0.0, 10.0, 700.0):
            for wanted, route in cases:
                grant, held = Grant(user="bob", route=route), len(self.routes)
                told = {self.routes.would_take(grant, wanted, now + second) for second in (0.0, 0.1)}
                self.assertEqual(len(self.routes), held)
                self.assertEqual(told, {self.routes.edge_for(grant, wanted, now + 0.2)}, route)

    def test_a_session_that_was_long_unused_begins_like_a_new_one(self) -> None:
        first = self.edge("bob", demand("k"), 0.0)
        self.assertNotEqual(self.edge("bob", demand("k"), 700.0), first)
        self.assertEqual(self.edge("bob", demand("k"), 5000.0), first)

    def test_turns_are_counted_from_one_again_and_go_on(self) -> None:
        self.routes.is_alone = False
        grant, wanted = Grant(user="bob", route=Route()), demand("k")
        for before, after in ((TURNS, 1), (2**31, 2), (TURNS - 1, TURNS), (1, 2)):
            claim = SessionClaim("bob", "k", "e1", before, 600.0)
            self.routes.take_session(claim, SessionHeld("e1", before, 600.0, 0.0), 0.0)
            asked = self.routes.question(grant, wanted, 1.0)
            assert isinstance(asked, SessionClaim)
            self.assertEqual((asked.turn, asked.over_edge, asked.over_turn), (after, "e1", before))

    def test_what_is_held_is_claimed_with_its_age_when_it_is_sent_and_within_bounds(self) -> None:
        self.routes.is_alone = False
        for began_at in (0.0, 0.1, 1e6 / 3, 1e9 / 7):
            self.edge("bob", demand("k", minutes=1440), began_at)
            (key,) = self.routes.held(began_at + 1)
            for age in (0.0, 1.0, 4000.0, LASTS_SECONDS - 0.01):
                claim = self.routes.again(key, began_at + age)
                assert isinstance(claim, SessionClaim)
                self.assertEqual(msgspec.convert(msgspec.to_builtins(claim), SessionClaim), claim)
                self.assertAlmostEqual(claim.age, age, places=2)
            self.assertIsNone(self.routes.again(key, began_at + LASTS_SECONDS + 1))
            self.routes = Routes(self.pool)

    def test_the_only_edge_follows_itself(self) -> None:
        for number in range(1, 20):
            self.pool.remove(f"e{number}")
        self.assertEqual({self.edge("bob", demand("k"), now) for now in (0.0, 700.0, 1400.0)}, {"e0"})

    def test_without_a_session_every_stream_goes_its_own_way(self) -> None:
        self.assertGreater(len({self.edge("bob", demand(), 0.0) for _ in range(50)}), 8)

    def test_manual_is_one_edge_or_none(self) -> None:
        route = Route(mode=RouteMode.MANUAL, edge="e7")
        self.assertEqual(self.edge("bob", demand(), 0.0, route), "e7")
        self.pool.remove("e7")
        self.assertIsNone(self.edge("bob", demand(), 0.0, route))

    def test_timed_switches_on_time(self) -> None:
        route = Route(mode=RouteMode.TIMED, minutes=5)
        first = self.edge("bob", demand(), 0.0, route)
        self.assertEqual(self.edge("bob", demand(), 299.0, route), first)
        self.assertGreater(len({self.edge("bob", demand(), 301.0 * n, route) for n in range(1, 20)}), 3)

    def test_what_begins_anew_sees_most_edges_and_runs_into_no_cycle(self) -> None:
        timed, session = (demand(), Route(mode=RouteMode.TIMED)), (demand("k"), None)
        for wanted, route in (timed, session):
            for user in (f"u{number}" for number in range(10)):
                seen = {self.edge(user, wanted, 605.0 * period, route) for period in range(60)}
                self.assertGreater(len(seen), 12, user)

    def test_polling_goes_round_all(self) -> None:
        route = Route(mode=RouteMode.POLLING)
        self.assertEqual(len({self.edge("bob", demand(), 0.0, route) for _ in range(20)}), 20)

    def test_custom_leases_are_nobody_elses_until_idle(self) -> None:
        route = Route(mode=RouteMode.CUSTOM)
        leased = [self.edge(f"u{n}", demand(), 0.0, route) for n in range(20)]
        self.assertEqual(len(set(leased)), 20)
        self.assertIsNone(self.edge("late", demand(), 1.0, route))
        self.assertEqual(self.edge("u3", demand(), 1.0, route), leased[3])
        self.assertIsNotNone(self.edge("late", demand(), LEASE_IDLE_SECONDS + 0.5, route))

    def test_a_session_leaves_a_silent_edge_where_another_answers_but_strict_manual_and_custom_stay(self) -> None:
        manual, custom = Route(mode=RouteMode.MANUAL, edge="e7"), Route(mode=RouteMode.CUSTOM)
        cases = (
            (demand("a"), None, True),
            (demand(), Route(mode=RouteMode.TIMED), True),
            (demand("b", is_strict=True), None, False),
            (demand(), manual, False),
            (demand(), custom, False),
        )
        for wanted, route, moves in cases:
            first = self.edge("bob", wanted, 0.0, route)
            self.silence(*(state.profile.edge for state in self.pool.states()))
            found = {self.edge("bob", wanted, 1.0, route) for _ in range(10)}
            self.assertEqual(found, {first}, "none answers")
            self.silence(first)
            self.assertEqual(self.edge("bob", wanted, 2.0, route) != first, moves, route)

    def test_a_question_that_is_answered_none_moves_no_session_and_no_lease(self) -> None:
        custom = Route(mode=RouteMode.CUSTOM)
        for wanted, route in ((demand("a"), None), (demand(), Route(mode=RouteMode.TIMED)), (demand(), custom)):
            first = self.edge("bob", wanted, 0.0, route)
            assert first is not None
            self.silence(*(state.profile.edge for state in self.pool.states()))
            asked = evolve(wanted, excluded=(first,), must_answer=True)
            self.assertIsNone(self.edge("bob", asked, 1.0, route))
            self.silence()
            self.assertEqual({self.edge("bob", wanted, 2.0, route) for _ in range(10)}, {first})
        self.assertNotIn(first, [self.edge(f"u{n}", demand(), 3.0, custom) for n in range(19)])

    def test_a_lease_is_not_given_away_for_a_stream_that_nothing_else_can_take(self) -> None:
        custom = Route(mode=RouteMode.CUSTOM)
        leased = [self.edge(f"u{n}", demand(), 0.0, custom) for n in range(20)]
        assert leased[0] is not None
        self.assertIsNone(self.edge("u0", evolve(demand(), excluded=(leased[0],)), 1.0, custom))
        self.assertIsNone(self.edge("late", demand(), 2.0, custom))
        self.assertEqual(self.edge("u0", demand(), 3.0, custom), leased[0])

    def silence(self, *edges: str | None) -> None:
        for state in self.pool.states():
            state.is_silent = state.profile.edge in edges
