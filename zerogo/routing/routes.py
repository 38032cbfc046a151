# -*- test-case-name: zerogo.test.routing.test_routes -*-
"""Ways to a node through other members, composed of own links and of those that others told.

A route has one or two carriers, so up to three hops; all nodes on it are distinct, so it cannot loop, and each carrier
is willing. Its figures are claims: the sum of latencies, what is left of many losses. The first hop is this node's own
measurement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from attrs import frozen

from zerogo.ids import NodeId
from zerogo.routing.links import LinkState, ToldLinks
from zerogo.routing.score import Facts, PathType, Scorer
from zerogo.wire.links import AdvertisedLink, seconds_of

_FOUNDING = Scorer()


@frozen
class Route:
    """A way to a node; `facts` are what is claimed of it."""

    hops: tuple[NodeId, ...]
    """Who carries, in order, the node itself last: as in `zerogo.ids.RouteAddress`."""
    facts: Facts

    @property
    def carriers(self) -> tuple[NodeId, ...]:
        """Who carries."""
        return self.hops[:-1]

    @property
    def node(self) -> NodeId:
        """Where it leads."""
        return self.hops[-1]

    @property
    def cost(self) -> float:
        """By the founding formula, milliseconds."""
        return _FOUNDING.score(self.facts).cost


@frozen
class RouteSearch:
    """All that routes are made of."""

    here: NodeId
    own: Mapping[NodeId, LinkState]
    """This node's neighbours."""
    told: ToldLinks
    carries: Callable[[NodeId], bool]
    """Whether that member is willing."""

    def routes(self, node: NodeId, carriers_limit: int, now: float) -> Iterator[Route]:
        """All routes to a node, in no particular order."""
        if node == self.here:
            return
        for last, told in self.told.towards(node, now):
            if last in (self.here, node) or not self.carries(last) or carriers_limit < 1:
                continue
            first = self.own.get(last)
            if first is not None:
                yield _route((last, node), first, (told.link,))
            if carriers_limit >= 2:
                yield from self._through_two(last, told.link, now)

    def _through_two(self, last: NodeId, link: AdvertisedLink, now: float) -> Iterator[Route]:
        for carrier, told in self.told.towards(last, now):
            first = self.own.get(carrier)
            if first is None or carrier in (self.here, last, link.node) or not self.carries(carrier):
                continue
            yield _route((carrier, last, link.node), first, (told.link, link))


def _route(hops: tuple[NodeId, ...], first: LinkState, links: tuple[AdvertisedLink, ...]) -> Route:
    arriving = (1 - first.loss) * math.prod(1 - link.loss_share for link in links)
    facts = Facts(
        type=PathType.PEER,
        latency=first.latency + sum(link.latency_seconds for link in links),
        loss=1 - arriving,
        jitter=first.jitter + sum(seconds_of(link.jitter) for link in links),
        carriers=len(hops) - 1,
    )
    return Route(hops, facts)


def best_routes(routes: Iterator[Route], limit: int, handicap: Callable[[tuple[NodeId, ...]], float]) -> list[Route]:
    """The cheapest ones, at most `limit`: no two begin alike while there are others.

    :param handicap: milliseconds that a list of carriers is charged with.
    """
    ordered = sorted(routes, key=lambda route: (route.cost + handicap(route.carriers), len(route.hops)))
    chosen: list[Route] = []
    begun: dict[NodeId, None] = {}
    for route in ordered:
        if route.hops[0] not in begun:
            begun[route.hops[0]] = None
            chosen.append(route)
    chosen.extend(route for route in ordered if route not in chosen)
    return chosen[:limit]
