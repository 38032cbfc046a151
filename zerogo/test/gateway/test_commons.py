"""Sessions and exclusive edges of users who are at two gateways of one controller."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred, succeed

from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.controller.exit_claims import OwnClaims
from zerogo.exit.claims import EDGE_SECONDS, SETTLING_SECONDS
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.grant import Grant, Route, RouteMode
from zerogo.exit.username import Wish
from zerogo.gateway.commons import LOST_SECONDS, PAUSE_SECONDS, REQUESTS_BURST, WAIT_SECONDS
from zerogo.test.gateway.controlled_pair import DEMAND, EDGE, ControlledCase, Gateway

EDGES = 6
STEP_SECONDS = 10.0


class Watched(OwnClaims):
    """Claims in memory, which may be away, or never answer."""

    is_away = is_silent = False

    def __init__(self, case: ControlledCase) -> None:
        super().__init__(case.clock)
        self.requests: list[ClaimRequest] = []

    def settle(self, request: ClaimRequest) -> Deferred[Claimed]:
        self.requests.append(request)
        if self.is_silent:
            return Deferred()
        return succeed(Claimed(request.number, is_away=True)) if self.is_away else super().settle(request)


class CommonsTests(ControlledCase):
    def setUp(self) -> None:
        super().setUp()
        self.claims = Watched(self)
        self.exits.use_claims(self.claims)
        self.one = self.gateway("one")
        self.two = self.gateway("two")
        for number in range(1, EDGES):
            for gateway in (self.one, self.two):
                gateway.hub.pool.add(EdgeProfile(edge=f"e{number}"))
        self.wait(SETTLING_SECONDS)

    def wait(self, seconds: float) -> None:
        """Let time pass, in long steps."""
        while seconds > 0:
            self.clock.advance(min(STEP_SECONDS, seconds))
            self.settle()
            seconds -= STEP_SECONDS

    def begin(self, gateway: Gateway, user: str, session: str = "", minutes: int = 10, *, tried: str = "") -> list[str]:
        """A stream begins: the edge that it takes is in the list when it is known; empty: none fitted."""
        found: list[str] = []
        mode = RouteMode.AUTO if session else RouteMode.CUSTOM
        grant = Grant(user=user, route=Route(mode=mode))
        demand = evolve(DEMAND, wish=Wish(session=session, minutes=minutes), excluded=(tried,) if tried else ())

        def choose() -> None:
            state = gateway.hub.routes.edge_for(grant, demand, self.clock.seconds())
            found.append("" if state is None else state.profile.edge)

        if not gateway.hub.ask_first(grant, demand, choose):
            choose()
        return found

    def edge(self, gateway: Gateway, user: str, session: str = "", minutes: int = 10, *, tried: str = "") -> str:
        found = self.begin(gateway, user, session, minutes, tried=tried)
        self.settle()
        (edge,) = found
        return edge

    def both(self, user: str, session: str = "") -> tuple[str, str]:
        return self.edge(self.one, user, session), self.edge(self.two, user, session)

    def lose_all(self) -> None:
        """As a Redis that was restarted, or a controller with its memory gone."""
        self.claims = Watched(self)
        self.exits.use_claims(self.claims)
        self.claims.on_forgotten()
        self.settle()

    def test_a_gateway_alone_asks_nobody_and_says_what_it_holds_when_another_comes(self) -> None:
        for gateway in (self.one, self.two):
            gateway.controlled._commons.others(False)  # type: ignore[union-attr]
        self.claims.requests.clear()
        mine = self.edge(self.one, "ann")
        begun = self.edge(self.one, "bob", "k7")
        self.assertEqual(self.claims.requests, [])
        for gateway in (self.one, self.two):
            gateway.controlled._commons.others(True)  # type: ignore[union-attr]
        self.settle()
        self.assertEqual((self.edge(self.two, "ann"), self.edge(self.two, "bob", "k7")), (mine, begun))
        others = {self.edge(self.two, f"u{number}") for number in range(EDGES)}
        self.assertNotIn(mine, others)

    def test_a_sessions_minutes_are_the_same_at_both_whenever_it_came_to_each(self) -> None:
        first = self.edge(self.one, "bob", "k7", 10)
        self.wait(400)
        self.assertEqual(self.edge(self.two, "bob", "k7", 10), first)
        self.wait(199)
        self.assertEqual(self.both("bob", "k7"), (first, first))
        self.wait(2)
        here, there = self.both("bob", "k7")
        self.assertEqual(here, there)
        self.assertNotEqual(here, first)
        self.wait(595)
        self.assertEqual(self.both("bob", "k7"), (here, here))
        self.wait(10)
        there = self.edge(self.two, "bob", "k7")
        self.assertNotEqual(there, here)
        self.assertEqual(self.edge(self.one, "bob", "k7"), there)

    def test_who_comes_when_the_first_turn_is_over_is_told_of_it(self) -> None:
        first = self.edge(self.one, "bob", "k7", 10)
        self.wait(650)
        late = self.edge(self.two, "bob", "k7", 10)
        self.assertNotEqual(late, first)
        self.assertEqual(self.edge(self.one, "bob", "k7"), late)

    def test_a_session_whose_edge_failed_moves_and_keeps_its_minutes(self) -> None:
        first = self.edge(self.one, "bob", "k7", 10)
        self.wait(300)
        for gateway in (self.one, self.two):
            gateway.hub.pool.remove(first)
        here, there = self.both("bob", "k7")
        self.assertEqual(here, there)
        self.wait(301)
        self.claims.requests.clear()
        self.assertEqual(len(set(self.both("bob", "k7"))), 1)
        self.assertEqual([one.turn for request in self.claims.requests for one in request.sessions][-1], 1)

    def test_an_exclusive_edge_has_one_user_at_all_gateways_and_a_user_one_edge(self) -> None:
        edges = [self.both(f"u{number}") for number in range(EDGES)]
        self.assertEqual([here == there for here, there in edges], [True] * EDGES)
        self.assertEqual(len(set(edges)), EDGES)
        self.assertEqual(self.both("late"), ("", ""))

    def test_of_users_who_ask_at_both_at_one_time_each_has_another_edge(self) -> None:
        asked = [self.begin(gateway, f"u{n}") for n in range(EDGES) for gateway in (self.one, self.two)]
        self.settle()
        edges = [edge for (edge,) in asked]
        self.assertEqual(edges[::2], edges[1::2])
        self.assertEqual(len(set(edges)), EDGES)

    def test_what_would_be_taken_is_what_is_held_and_else_what_is_wanted(self) -> None:
        routes, custom = self.one.hub.routes, Route(mode=RouteMode.CUSTOM)
        mine = self.edge(self.one, "ann")
        self.wait(EDGE_SECONDS - STEP_SECONDS)
        for user, expected in (("ann", {mine}), ("eve", {f"e{n}" for n in range(1, EDGES)} | {EDGE.edge})):
            state = routes.would_take(Grant(user=user, route=custom), DEMAND, self.clock.seconds())
            self.assertIn(state and state.profile.edge, expected)
        self.assertEqual(list(routes._leased), [mine])

    def test_an_exclusive_edge_that_failed_is_left_for_another_one_which_holds_at_both(self) -> None:
        first = self.edge(self.one, "ann")
        second = self.edge(self.one, "ann", tried=first)
        self.assertNotIn(second, ("", first))
        self.wait(EDGE_SECONDS / 2)
        self.assertEqual(self.edge(self.two, "ann"), second)

    def test_an_edge_that_is_not_at_the_other_gateway_is_left_there_for_another_one_at_once(self) -> None:
        first = self.edge(self.one, "ann")
        self.two.hub.pool.remove(first)
        second = self.edge(self.two, "ann")
        self.assertNotIn(second, ("", first))
        self.assertEqual(self.edge(self.one, "ann"), first, "that gateway knows of no loss yet")
        others = {self.edge(self.one, f"u{number}") for number in range(EDGES)}
        self.assertNotIn(first, others)

    def test_an_exclusive_edge_is_renewed_while_it_has_streams_and_free_when_it_was_idle(self) -> None:
        for number in range(1, EDGES):
            for gateway in (self.one, self.two):
                gateway.hub.pool.remove(f"e{number}")
        self.assertEqual(self.edge(self.one, "ann"), EDGE.edge)
        self.one.desk.in_use = lambda: {("ann", EDGE.edge)}  # type: ignore[method-assign]
        self.wait(2 * EDGE_SECONDS)
        self.assertEqual(self.edge(self.two, "bob"), "")
        self.one.desk.in_use = set  # type: ignore[method-assign,assignment]
        self.wait(EDGE_SECONDS + 61)
        self.assertEqual(self.edge(self.two, "bob"), EDGE.edge)
        self.assertEqual(self.edge(self.one, "ann"), "")

    def test_what_was_lost_is_claimed_again_by_those_who_hold_it(self) -> None:
        exclusive, begun = self.both("ann"), self.edge(self.one, "bob", "k7", 10)
        self.wait(200)
        self.lose_all()
        self.assertEqual(self.edge(self.two, "eve"), "", "who holds which is not known yet")
        self.wait(SETTLING_SECONDS)
        others = {self.edge(self.two, f"u{number}") for number in range(EDGES)}
        self.assertNotIn(exclusive[0], others)
        self.assertEqual(self.both("ann"), exclusive)
        self.assertEqual(self.edge(self.two, "bob", "k7", 10), begun)
        self.wait(392)
        self.assertNotEqual(self.edge(self.two, "bob", "k7", 10), begun, "its minutes are those from its beginning")

    def test_while_nobody_can_say_sessions_begin_alone_and_exclusive_edges_stay_until_they_expire(self) -> None:
        mine = self.edge(self.one, "ann")
        self.claims.is_away = True
        self.assertEqual(self.edge(self.one, "ann"), mine)
        self.assertEqual(self.edge(self.two, "eve"), "", "no new one is given")
        begun = self.both("bob", "k7")
        self.assertEqual(begun[0], begun[1], "the words of a session lead to the same edge")
        self.wait(EDGE_SECONDS - SETTLING_SECONDS)
        self.assertEqual(self.edge(self.one, "ann"), mine)
        self.wait(SETTLING_SECONDS + 1)
        self.assertEqual(self.edge(self.one, "ann"), "")
        self.claims.is_away = False
        self.assertNotEqual(self.edge(self.one, "ann"), "")

    def test_without_a_controller_nobody_waits_and_what_began_meanwhile_is_told_when_it_is_back(self) -> None:
        self.one.wire.cut()
        begun = self.begin(self.one, "bob", "k7")
        self.assertEqual(len(begun), 1)
        self.assertEqual(self.begin(self.one, "ann"), [""])
        self.wait(300)
        self.one.wire.connect()
        self.settle()
        self.assertEqual(self.edge(self.two, "bob", "k7"), begun[0])
        self.wait(301)
        self.assertNotEqual(self.edge(self.two, "bob", "k7"), begun[0])

    def test_a_controller_that_does_not_answer_is_waited_for_once(self) -> None:
        self.claims.is_silent = True
        first = self.begin(self.one, "bob", "k1")
        self.settle()
        self.assertEqual(first, [])
        self.wait(WAIT_SECONDS)
        self.assertEqual(len(first), 1)
        self.assertEqual(len(self.begin(self.one, "bob", "k2")), 1, "nobody else waits")
        self.claims.is_silent = False
        self.wait(LOST_SECONDS + 1)
        self.assertNotEqual(self.edge(self.one, "ann"), "", "it is asked again")

    def test_who_waits_is_answered_though_what_is_held_is_asked_for_or_the_connection_breaks_meanwhile(self) -> None:
        self.edge(self.one, "bob", "k0")
        first = self.begin(self.one, "ann")
        self.claims.on_forgotten()
        self.settle()
        self.assertEqual([bool(edge) for edge in first], [True])
        second = self.begin(self.one, "bob", "k1")
        self.one.wire.cut()
        self.one.wire.connect()
        self.settle()
        self.assertEqual([bool(edge) for edge in second], [True])
        self.assertEqual(self.edge(self.two, "bob", "k1"), second[0])

    def test_many_sessions_that_begin_together_are_claimed_together(self) -> None:
        self.claims.requests.clear()
        begun = [self.begin(self.one, "bob", f"k{number}") for number in range(1000)]
        begun += [self.begin(self.one, "bob", "k7") for _ in range(50)]
        self.settle()
        self.assertEqual({len(one) for one in begun}, {1})
        self.assertLess(len(self.claims.requests), 10)

    def test_a_controller_is_sent_no_more_requests_than_it_takes(self) -> None:
        self.claims.requests.clear()
        for number in range(2 * int(REQUESTS_BURST)):
            last = self.begin(self.one, "bob", f"k{number}")
            self.settle()
        self.assertLessEqual(len(self.claims.requests), REQUESTS_BURST + 1)
        self.assertEqual(last, [], "it waits for a moment")
        self.wait(PAUSE_SECONDS)
        self.assertEqual(len(last), 1)
        self.assertLessEqual(len(self.claims.requests), REQUESTS_BURST + 3)
