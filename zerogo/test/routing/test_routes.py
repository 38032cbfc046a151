"""Ways through others: loop-free, three hops at most, willing carriers."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId
from zerogo.routing.links import LinkState, ToldLinks
from zerogo.routing.routes import Route, RouteSearch, best_routes
from zerogo.routing.score import Facts, PathType
from zerogo.test.routing.parts import ANN, BOB, CAT, DAN, EVE, EVERYBODY, advert

PAIRS = list(itertools.permutations(EVERYBODY, 2))


def search(
    own: dict[NodeId, float], *told: tuple[NodeId, NodeId, float], unwilling: tuple[NodeId, ...] = ()
) -> RouteSearch:
    """ANN's, with latencies in seconds."""
    links = ToldLinks()
    for number, (origin, node, latency) in enumerate(told, 1):
        links.learn(advert(origin, number, LinkState(latency).advertised(node)), None, 0.0)
    return RouteSearch(ANN, {node: LinkState(s) for node, s in own.items()}, links, lambda node: node not in unwilling)


def hops(found: RouteSearch, node: NodeId, limit: int = 2) -> list[tuple[NodeId, ...]]:
    """All routes."""
    return [route.hops for route in found.routes(node, limit, 0.0)]


class RouteSearchTests(SynchronousTestCase):
    """What is composed."""

    def test_through_one_and_through_two(self) -> None:
        found = search({BOB: 0.01}, (BOB, CAT, 0.02), (CAT, DAN, 0.03))
        self.assertEqual(hops(found, CAT), [(BOB, CAT)])
        self.assertEqual(hops(found, DAN), [(BOB, CAT, DAN)])
        self.assertEqual(hops(found, DAN, 1), [])
        self.assertEqual(hops(found, CAT, 0), [])

    def test_figures_add_up(self) -> None:
        links = ToldLinks()
        links.learn(advert(BOB, 1, LinkState(0.030, 0.1, 0.002).advertised(CAT)), None, 0.0)
        found = RouteSearch(ANN, {BOB: LinkState(0.010, 0.1, 0.001)}, links, lambda _: True)
        (route,) = found.routes(CAT, 2, 0.0)
        assert route.facts.latency is not None
        self.assertLess(abs(route.facts.latency - 0.040), 0.001)
        self.assertLess(abs(route.facts.loss - 0.19), 0.001)
        self.assertLess(abs(route.facts.jitter - 0.003), 0.0003)
        self.assertEqual((route.facts.carriers, route.facts.type), (1, PathType.PEER))
        self.assertEqual((route.carriers, route.node), ((BOB,), CAT))

    def test_who_is_unwilling_carries_nothing(self) -> None:
        told = ((BOB, CAT, 0.02), (CAT, DAN, 0.03))
        self.assertEqual(hops(search({BOB: 0.01}, *told, unwilling=(BOB,)), CAT), [])
        self.assertEqual(hops(search({BOB: 0.01}, *told, unwilling=(CAT,)), DAN), [])
        self.assertEqual(hops(search({BOB: 0.01}, *told, unwilling=(DAN,)), DAN), [(BOB, CAT, DAN)])

    @given(st.lists(st.sampled_from(PAIRS), max_size=20, unique=True), st.lists(st.sampled_from(EVERYBODY[1:])))
    @settings(deadline=None, max_examples=200)
    def test_no_loops_whatever_is_told(self, told: list[tuple[NodeId, NodeId]], own: list[NodeId]) -> None:
        found = search(dict.fromkeys(own, 0.01), *((origin, node, 0.01) for origin, node in told))
        routes = hops(found, EVE)
        self.assertEqual(len(routes), len(set(routes)))
        for each in routes:
            self.assertEqual(len({ANN, *each}), len(each) + 1)
            self.assertIn(len(each), (2, 3))
            self.assertEqual(each[-1], EVE)
            self.assertIn(each[0], own)
            for link in itertools.pairwise(each):
                self.assertIn(link, told)


class BestRoutesTests(SynchronousTestCase):
    """The cheapest, and not all by one neighbour."""

    def test_order_and_diversity(self) -> None:
        def route(latency: float, *nodes: NodeId) -> Route:
            return Route((*nodes, EVE), Facts(type=PathType.PEER, latency=latency, carriers=len(nodes)))

        near, far, other = route(0.01, BOB), route(0.02, BOB, CAT), route(0.03, DAN)
        found = [far, other, near]
        self.assertEqual(best_routes(iter(found), 3, lambda _: 0.0), [near, other, far])
        self.assertEqual(best_routes(iter(found), 1, lambda _: 0.0), [near])
        self.assertEqual(best_routes(iter(found), 1, lambda carriers: 1000.0 * (BOB in carriers)), [other])
