"""Edges are filtered, weighed and explained."""

from __future__ import annotations

import random
from collections import Counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit import choose
from zerogo.exit.choose import DRAWS, FEW, HOPELESS_LIMIT, Demand, Policy, Pool, misfit
from zerogo.exit.edges import EJECT_FAILURES, EJECT_SECONDS, EdgeProfile, EdgeState
from zerogo.exit.frames import Command
from zerogo.exit.ring import WALK
from zerogo.exit.target import Target
from zerogo.exit.username import Wish

WEB = Demand(command=Command.CONNECT, target=Target("example.net", 443))


def pool(policy: Policy = Policy.P2C_PEAK_EWMA, count: int = 10) -> Pool:
    made = Pool(policy, random.Random(7).random)
    for number in range(count):
        made.add(EdgeProfile(edge=f"e{number}", country="de" if number % 2 else "fr", tags=frozenset({f"t{number}"})))
    return made


def demand(**wish: object) -> Demand:
    return Demand(command=Command.CONNECT, target=WEB.target, wish=Wish(**wish))  # type: ignore[arg-type]


def chosen(found: EdgeState | None) -> str | None:
    return None if found is None else found.profile.edge


class PoolTests(SynchronousTestCase):
    def test_every_policy_keeps_to_the_filter(self) -> None:
        for policy in Policy:
            edges = pool(policy)
            for _ in range(30):
                state = edges.choose(demand(country="de"), 0.0)
                assert state is not None
                self.assertEqual(state.profile.country, "de")
            self.assertEqual(chosen(edges.choose(demand(zone="t3"), 0.0)), "e3")
            self.assertIsNone(edges.choose(demand(country="jp"), 0.0))

    def test_what_an_edge_cannot_do_it_is_not_asked_for(self) -> None:
        edges = Pool(Policy.RANDOM, random.Random(1).random)
        edges.add(EdgeProfile(edge="a", has_udp=False, ports=((1, 24), (26, 65535))))
        self.assertIsNone(edges.choose(Demand(command=Command.DATAGRAMS, target=WEB.target), 0.0))
        self.assertIsNone(edges.choose(Demand(command=Command.LISTEN, target=WEB.target), 0.0))
        for target in (Target("example.net", 25), Target("2001:db8::1", 443)):
            self.assertIsNone(edges.choose(Demand(command=Command.CONNECT, target=target), 0.0))
        self.assertEqual(chosen(edges.choose(WEB, 0.0)), "a")

    def test_some_of_those_that_fit_are_others_each_time_and_all_where_there_are_few(self) -> None:
        edges = pool(count=200)
        found = [{state.profile.edge for state in edges.some(WEB, 20)} for _ in range(3)]
        self.assertEqual([len(some) for some in found], [20, 20, 20])
        self.assertNotEqual(found[0], found[1])
        french = {state.profile.edge for state in edges.states() if state.profile.country == "fr"}
        self.assertEqual({state.profile.edge for state in edges.some(demand(country="fr"), 150)}, french)
        self.assertEqual(edges.some(demand(country="jp"), 5), [])

    def test_p2c_avoids_the_slow_and_the_busy(self) -> None:
        edges = pool()
        for state in edges.states():
            state.dial_began()
            state.dial_succeeded(2.0 if state.profile.edge == "e1" else 0.05, 0.0)
        busy = edges.get("e2")
        assert busy is not None
        busy.in_flight = 50
        counts = Counter(chosen(edges.choose(WEB, 0.0)) for _ in range(1000))
        self.assertLess(counts["e1"] + counts["e2"], 60)
        self.assertGreater(min(counts[f"e{number}"] for number in (0, 3, 4, 5, 6, 7, 8, 9)), 50)

    def test_lowest_rtt_takes_the_nearest_skips_the_far_and_varies(self) -> None:
        edges = pool(Policy.LOWEST_RTT, 4)
        for number, rtt in enumerate((0.100, 0.105, 0.3, 0.9)):
            state = edges.get(f"e{number}")
            assert state is not None
            state.note_rtt(rtt)
        counts = Counter(chosen(edges.choose(WEB, 0.0)) for _ in range(500))
        self.assertEqual(set(counts), {"e0", "e1"})

    def test_round_robin_and_least_streams_spread(self) -> None:
        edges = pool(Policy.ROUND_ROBIN)
        self.assertEqual(len({chosen(edges.choose(WEB, 0.0)) for _ in range(10)}), 10)
        edges = pool(Policy.LEAST_STREAMS)
        for _ in range(100):
            state = edges.choose(WEB, 0.0)
            assert state is not None
            state.dial_began()
        self.assertEqual({state.streams for state in edges.states()}, {10})

    def test_an_edge_that_keeps_failing_is_left_out_and_comes_back_on_probation(self) -> None:
        edges = pool(count=2)
        state = edges.get("e0")
        assert state is not None
        for _ in range(EJECT_FAILURES):
            state.dial_began()
            state.dial_failed(True, 0.1, 0.0)
        self.assertEqual({chosen(edges.choose(WEB, 1.0)) for _ in range(20)}, {"e1"})
        later = EJECT_SECONDS + 1
        self.assertFalse(state.is_ejected(later))
        state.dial_began()
        self.assertTrue(state.is_ejected(later))
        state.dial_succeeded(0.1, later)
        self.assertFalse(state.is_ejected(later))

    def test_an_edge_that_does_not_answer_is_avoided_while_there_is_another(self) -> None:
        edges = pool(count=2)
        state, other = edges.get("e0"), edges.get("e1")
        assert state is not None and other is not None
        state.is_silent = True
        self.assertEqual({chosen(edges.choose(WEB, 0.0)) for _ in range(20)}, {"e1"})
        self.assertEqual(edges.explain(WEB, 0.0).excluded, {"silent": 1})
        other.is_away = True
        self.assertEqual(chosen(edges.choose(WEB, 0.0)), "e0")

    def test_an_ejected_edge_is_better_than_none_and_a_targets_fault_does_not_count(self) -> None:
        edges = pool(count=1)
        state = edges.get("e0")
        assert state is not None
        for _ in range(20):
            state.dial_began()
            state.dial_failed(False, 0.1, 0.0)
        self.assertFalse(state.is_ejected(1.0))
        for _ in range(EJECT_FAILURES):
            state.dial_began()
            state.dial_failed(True, 0.1, 0.0)
        self.assertEqual(chosen(edges.choose(WEB, 1.0)), "e0")

    def test_a_slow_dial_counts_at_once_and_is_forgotten_slowly(self) -> None:
        state = EdgeState(EdgeProfile(edge="a"))
        state.note_dial(0.1, 0.0)
        state.note_dial(2.0, 1.0)
        self.assertEqual(state.dial, 2.0)
        state.note_dial(0.1, 2.0)
        assert state.dial is not None
        self.assertGreater(state.dial, 1.5)
        state.note_dial(0.1, 60.0)
        self.assertLess(state.dial, 0.15)

    def test_an_explanation_counts_and_changes_nothing(self) -> None:
        edges = pool()
        away = edges.get("e1")
        assert away is not None
        away.is_away = True
        found = edges.explain(demand(country="de"), 0.0)
        self.assertEqual((found.fitting, found.excluded), (4, {"country": 5, "away": 1}))
        self.assertEqual(len(found.candidates), 4)

    def test_a_place_without_edges_is_known_without_a_look_at_any(self) -> None:
        edges, looked = pool(count=2000), self.count_looks()
        for place in ({"city": "kiel"}, {"region": "eu"}, {"asn": 7}, {"zone": "x"}, {"country": "de", "city": "kiel"}):
            self.assertIsNone(edges.owner(("alice",), demand(**place), 0.0))
            self.assertEqual(looked, [])
            self.assertIsNone(edges.choose(demand(**place), 0.0))
            self.assertLessEqual(len(looked), DRAWS)
            looked.clear()

    def test_what_no_edge_is_made_for_is_searched_for_once_and_found_when_one_comes(self) -> None:
        edges = pool(count=2000)
        looked = self.count_looks()
        for number in range(5):
            wanted = evolve(demand(session=f"s{number}"), target=Target(f"h{number}.example", 0))
            self.assertIsNone(edges.owner((f"u{number}",), wanted, 0.0))
            self.assertIsNone(edges.choose(wanted, 0.0))
        self.assertLess(len(looked), 2000 + 2 * WALK + 6 * DRAWS)
        edges.add(EdgeProfile(edge="new", ports=((0, 0),)))
        for found in (edges.owner(("u0",), wanted, 0.0), edges.choose(wanted, 0.0)):
            self.assertEqual(chosen(found), "new")
        edges.remove("new")
        self.assertIsNone(edges.choose(wanted, 0.0))

    def test_edges_that_are_away_or_full_are_not_taken_for_none_at_all(self) -> None:
        edges = pool(count=FEW + 10)
        for state in edges.states():
            state.is_away = True
        self.assertIsNone(edges.choose(WEB, 0.0))
        self.assertIsNone(edges.owner(("alice",), WEB, 0.0))
        for state in edges.states():
            state.is_away = False
        self.assertIsNotNone(edges.choose(WEB, 0.0))
        self.assertIsNotNone(edges.owner(("alice",), WEB, 0.0))

    def test_what_is_remembered_is_bounded(self) -> None:
        edges = pool(count=FEW + 1)
        for number in range(HOPELESS_LIMIT + 20):
            self.assertIsNone(edges.choose(Demand(command=Command.LISTEN, target=Target("h", number)), 0.0))
        self.assertEqual(len(edges._hopeless), HOPELESS_LIMIT)

    def count_looks(self) -> list[str]:
        """Fills with an edge each time one is judged."""
        looked: list[str] = []

        def judge(state: EdgeState, demand: Demand) -> str | None:
            looked.append(state.profile.edge)
            return misfit(state, demand)

        self.patch(choose, "misfit", judge)
        return looked

    def test_edges_come_and_go(self) -> None:
        edges = pool()
        for number in range(10):
            edges.remove(f"e{number}")
            edges.remove(f"e{number}")
            self.assertEqual(len(edges), 9 - number)
        self.assertIsNone(edges.choose(WEB, 0.0))
