# -*- test-case-name: zerogo.test.routing.test_links -*-
"""Links: what this node measured itself, and what others told of theirs.

What others told is kept by destination, for a route is looked for from its end. For each pair of origin and node the
advert with the greatest sequence number counts; an older one, which may be a replay, changes nothing. An advert far
behind what its origin said to anybody is refused whatever it is about. What is not told again is forgotten.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from attrs import define, field, frozen

from zerogo.ids import NodeId
from zerogo.wire.links import GONE, AdvertisedLink, LinkAdvert, quantise_loss, quantise_seconds

TOLD_FOR_SECONDS = 90.0
"""How long an advert holds, and a request."""
LINKS_LIMIT = 16384
"""Told links that are kept; beyond it the oldest goes."""
STALE_BEHIND = 120_000
"""Sequence numbers are milliseconds: an advert so far behind its origin's newest is a replay."""
_LATENCY_STEPS = 4
"""A change by so many, 19 %, is worth telling."""
_LOSS_STEPS = 5
"""2 %."""


@frozen
class LinkState:
    """What this node measured to a neighbour, a member that it reaches directly."""

    latency: float
    """Round trip, seconds."""
    loss: float = 0.0
    """0 to 1."""
    jitter: float = 0.0
    """Seconds."""

    def advertised(self, node: NodeId) -> AdvertisedLink:
        """The same on the scale of adverts."""
        latency, jitter = quantise_seconds(self.latency), quantise_seconds(self.jitter)
        return AdvertisedLink(node, latency, quantise_loss(self.loss), jitter)


def gone(node: NodeId) -> AdvertisedLink:
    """There is no link to that node any more."""
    return AdvertisedLink(node, GONE)


def is_news(told: AdvertisedLink | None, link: AdvertisedLink | None) -> bool:
    """Whether who was told the one should be told the other."""
    if told is None or told.is_gone:
        return link is not None and not link.is_gone
    if link is None or link.is_gone:
        return True
    return abs(told.latency - link.latency) >= _LATENCY_STEPS or abs(told.loss - link.loss) >= _LOSS_STEPS


@frozen
class ToldLink:
    """A link in the words of its origin."""

    link: AdvertisedLink
    advert: LinkAdvert
    """As it came, to be passed on."""
    until: float


@define(eq=False)
class ToldLinks:
    """What others told this node."""

    _towards: dict[NodeId, dict[NodeId, ToldLink]] = field(factory=dict, init=False)
    """By node, then by origin; links that are gone stay, so that no replay brings them back."""
    _newest: dict[NodeId, int] = field(factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def is_stale(self, advert: LinkAdvert) -> bool:
        """Whether an advert is so old that it is a replay."""
        return advert.sequence < self._newest.get(advert.origin, 0) - STALE_BEHIND

    def learn(self, advert: LinkAdvert, nodes: Container[NodeId] | None, now: float) -> list[NodeId]:
        """Take over an authentic advert as far as it is about `nodes` (None: all); the nodes whose links changed."""
        if self.is_stale(advert):
            return []
        self._newest[advert.origin] = max(self._newest.get(advert.origin, 0), advert.sequence)
        changed = []
        for link in advert.links:
            if (nodes is None or link.node in nodes) and self._learn(advert, link, now):
                changed.append(link.node)
        return changed

    def told(self, origin: NodeId, node: NodeId, now: float) -> ToldLink | None:
        """What `origin` told of its link to `node`, where that holds."""
        found = self._towards.get(node, {}).get(origin)
        return None if found is None or found.until <= now or found.link.is_gone else found

    def towards(self, node: NodeId, now: float) -> Iterator[tuple[NodeId, ToldLink]]:
        """All members that have a link to `node`, in the order in which they first said so."""
        for origin, told in self._towards.get(node, {}).items():
            if told.until > now and not told.link.is_gone:
                yield origin, told

    def forget(self, now: float) -> None:
        """Drop what was not told again."""
        for node, origins in list(self._towards.items()):
            for origin in [each for each, told in origins.items() if told.until <= now]:
                del origins[origin]
                self._count -= 1
            if not origins:
                del self._towards[node]

    def __len__(self) -> int:
        return self._count

    def _learn(self, advert: LinkAdvert, link: AdvertisedLink, now: float) -> bool:
        origins = self._towards.setdefault(link.node, {})
        before = origins.get(advert.origin)
        if before is not None and before.advert.sequence >= advert.sequence:
            return False
        if before is None:
            self._make_room()
        origins[advert.origin] = ToldLink(link, advert, now + TOLD_FOR_SECONDS)
        self._count += before is None
        return before is None or before.link != link or before.until <= now

    def _make_room(self) -> None:
        while self._count >= LINKS_LIMIT:
            node = next(iter(self._towards))
            origins = self._towards.pop(node)
            self._count -= len(origins)
