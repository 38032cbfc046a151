# -*- test-case-name: zerogo.test.routing.test_telling -*-
"""Who asked this node about which links, and what each was told last.

A request is an interest for 90 seconds: the asker is told the link as it is, and after that only what changed, so that
what goes over the wire is always a difference. A link that came or went is told at once, one that got slower or faster
at most once a second; everything is told twice, since datagrams get lost. The asker of a route through two carriers
wants more: where this node has no link to the destination, it passes on what its own neighbours say, word by word, and
tells of its links to those neighbours.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping

from attrs import define, field

from zerogo.ids import NodeId
from zerogo.routing.links import TOLD_FOR_SECONDS, gone, is_news
from zerogo.wire.links import NODES_LIMIT, AdvertisedLink, LinkAdvert

INTERESTS_PER_ASKER = 256
INTERESTS_LIMIT = 16384
PASSED_PER_INTEREST = 4
"""Neighbours whose word about one destination is passed on."""
PASSING_LIMIT = 1024
"""Adverts that wait to be passed on; beyond it the oldest goes."""
GAP_SECONDS = 1.0
"""Between two adverts to one asker, unless a link came or went."""
REPEAT_SECONDS = 0.4
"""After which everything is told a second time: datagrams get lost."""


@define(eq=False)
class Interest:
    """One asker's in one node."""

    until: float
    asks_on: bool = False
    told: AdvertisedLink | None = None
    is_to_be_repeated: bool = False
    passed: dict[NodeId, int] = field(factory=dict)
    """Whose word was passed on, with its sequence number."""


@define(eq=False)
class Telling:
    """All interests. `own` are this node's links as they would be told, by node; it changes under us."""

    _own: Mapping[NodeId, AdvertisedLink]
    _askers: dict[NodeId, dict[NodeId, Interest]] = field(factory=dict, init=False)
    _by_node: dict[NodeId, dict[NodeId, Interest]] = field(factory=dict, init=False)
    _due: dict[NodeId, float] = field(factory=dict, init=False)
    """Askers to be told, and from when on."""
    _told_at: dict[NodeId, float] = field(factory=dict, init=False)
    _passing: deque[tuple[NodeId, LinkAdvert]] = field(factory=lambda: deque(maxlen=PASSING_LIMIT), init=False)
    _count: int = field(default=0, init=False)

    def ask(self, asker: NodeId, node: NodeId, now: float, *, asks_on: bool) -> Interest | None:
        """`asker` wants to know about `node`, and is told anew in full; None where it wants too much."""
        interests = self._askers.setdefault(asker, {})
        interest = interests.get(node)
        if interest is None:
            if len(interests) >= INTERESTS_PER_ASKER or self._count >= INTERESTS_LIMIT:
                return None
            interest = interests[node] = self._by_node.setdefault(node, {})[asker] = Interest(now)
            self._count += 1
        interest.until = now + TOLD_FOR_SECONDS
        interest.asks_on = asks_on or interest.asks_on
        interest.told = None
        interest.passed.clear()
        if node in self._own:
            self._due[asker] = now
        return interest

    def link_changed(self, node: NodeId, now: float) -> None:
        """This node's own link to `node` is another."""
        link = self._own.get(node)
        for asker, interest in self._by_node.get(node, {}).items():
            if asker == node or interest.until <= now or not is_news(interest.told, link):
                continue
            is_turn = link is None or interest.told is None or interest.told.is_gone
            at = now if is_turn else max(now, self._told_at.get(asker, -GAP_SECONDS) + GAP_SECONDS)
            self._due[asker] = min(at, self._due.get(asker, at))

    def neighbour_told(self, advert: LinkAdvert, nodes: list[NodeId], now: float) -> None:
        """A neighbour told of its links to these nodes: pass it on to those who want to hear it."""
        for node in nodes:
            for asker, interest in list(self._by_node.get(node, {}).items()):
                if interest.until > now:
                    self.pass_on(asker, node, interest, advert, now)

    def pass_on(self, asker: NodeId, node: NodeId, interest: Interest, advert: LinkAdvert, now: float) -> None:
        """Pass a neighbour's advert about `node` on to one asker, if it wants that, and tell of the link in between."""
        origin = advert.origin
        if not interest.asks_on or node in self._own or origin in (asker, node) or origin not in self._own:
            return
        if interest.passed.get(origin, -1) >= advert.sequence:
            return
        if origin not in interest.passed and len(interest.passed) >= PASSED_PER_INTEREST:
            return
        interest.passed[origin] = advert.sequence
        self._passing.append((asker, advert))
        between = self._askers[asker].get(origin)
        if between is None or between.until <= now:
            self.ask(asker, origin, now, asks_on=False)
        else:
            between.until = now + TOLD_FOR_SECONDS

    def sought(self, now: float) -> list[NodeId]:
        """Nodes that askers want, that this node has no link to, and that it asks its own neighbours about."""
        return [
            node
            for node, interests in self._by_node.items()
            if node not in self._own and any(each.asks_on and each.until > now for each in interests.values())
        ]

    def asks_on(self, node: NodeId, now: float) -> bool:
        """Whether anybody wants this node to ask its neighbours about `node`."""
        interests = self._by_node.get(node, {})
        return any(each.asks_on and each.until > now for each in interests.values())

    def passing(self) -> Iterator[tuple[NodeId, LinkAdvert]]:
        """What waits to be passed on, oldest first; take it with `pop_passing`."""
        return iter(tuple(self._passing))

    def pop_passing(self) -> None:
        """The oldest was sent."""
        self._passing.popleft()

    def due(self, now: float) -> list[NodeId]:
        """Askers who are to be told now."""
        return [asker for asker, at in self._due.items() if at <= now]

    def next_at(self) -> float | None:
        """When somebody is to be told."""
        return 0.0 if self._passing else min(self._due.values(), default=None)

    def take_news(self, asker: NodeId, now: float) -> list[AdvertisedLink]:
        """What that asker does not know yet, as one advert holds; it counts as told."""
        news: list[AdvertisedLink] = []
        del self._due[asker]
        for node, interest in self._askers.get(asker, {}).items():
            link = self._own.get(node)
            is_new = is_news(interest.told, link)
            if node == asker or interest.until <= now or not (is_new or interest.is_to_be_repeated):
                continue
            if len(news) == NODES_LIMIT:
                self._due[asker] = now
                break
            interest.told = link if link is not None else gone(node)
            interest.is_to_be_repeated = is_new
            news.append(interest.told)
            if is_new:
                self._due[asker] = min(self._due.get(asker, math.inf), now + REPEAT_SECONDS)
        self._told_at[asker] = now
        return news

    def forget(self, now: float) -> None:
        """Drop interests that were not renewed."""
        for asker, interests in list(self._askers.items()):
            for node in [each for each, interest in interests.items() if interest.until <= now]:
                self._drop(asker, node)

    def __len__(self) -> int:
        return self._count

    def _drop(self, asker: NodeId, node: NodeId) -> None:
        del self._askers[asker][node]
        del self._by_node[node][asker]
        self._count -= 1
        if not self._askers[asker]:
            del self._askers[asker]
        if not self._by_node[node]:
            del self._by_node[node]
