# -*- test-case-name: zerogo.test.controller.test_link_book -*-
"""The links of all networks as members report them: one of each pair, with both ends' words.

Members tell what changed; the book holds the last of it. What a link is at large comes from the end that says the
worse of it, else from the first by id: a pair that reaches each other in one direction only is not connected. When a
member's control connection ends, its own words are void, and its links are not shown, until the other end tells of
datagrams that came in later than `SILENT_SECONDS` after that: a member that was killed is gone at once, and one that
only lost its controller comes back.

All times are unix seconds. The number of ends has a bound; beyond it new ones are not taken in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Protocol

import msgspec
from attrs import define, field, frozen

from zerogo.control.messages import LINKS_LIMIT, LinkReport, LinkSample, LinksReport
from zerogo.ids import NetworkId, NodeId

ENDS_LIMIT = 20_000
CHANGES_KEPT = 64
"""Of the path of one link."""
SILENT_SECONDS = 3.0
OFFLINE = "a member is not connected to the controller"

Pair = tuple[NodeId, NodeId]
"""In the order of the ids as text."""


@define
class End:
    """What one member says of a link."""

    link: LinkReport
    sample: LinkSample
    since: float | None
    """When the path came into use."""
    handshake_at: float | None
    reported_at: float


@frozen
class PathChange:
    """Another path from then on."""

    at: float
    path: str
    via: tuple[str, ...]
    """Node ids of members that carry, or the name of the relay."""
    before: str
    reason: str
    reported_by: NodeId | None


@define
class Link:
    """A pair of members."""

    network: NetworkId
    pair: Pair
    ends: list[End | None] = field(factory=lambda: [None, None])
    changes: deque[PathChange] = field(factory=lambda: deque(maxlen=CHANGES_KEPT))
    shown: tuple[str, tuple[str, ...]] | None = None
    """Path and carriers as last shown; None: the link was not shown."""

    @property
    def names(self) -> tuple[str, str]:
        """The ids as text."""
        return node_text(self.pair[0]), node_text(self.pair[1])


class LinkObserver(Protocol):
    """Who is told what becomes of links."""

    def link_touched(self, network: NetworkId, pair: Pair) -> None: ...

    def path_changed(self, network: NetworkId, pair: Pair, change: PathChange) -> None: ...


@lru_cache(maxsize=16_384)
def node_text(node_id: NodeId) -> str:
    """The id as text, which is asked for with each figure that is reported."""
    return str(node_id)


def pair_of(one: NodeId, other: NodeId) -> Pair:
    """The pair, in its order."""
    return (one, other) if node_text(one) < node_text(other) else (other, one)


class LinkBook:
    """The links. `observers` are told of each change."""

    def __init__(self) -> None:
        self.observers: list[LinkObserver] = []
        self._links: dict[NetworkId, dict[Pair, Link]] = {}
        self._of_member: dict[tuple[NetworkId, NodeId], dict[Pair, None]] = {}
        self._left_at: dict[tuple[NetworkId, NodeId], float] = {}
        """Members with links that are not connected, and since when."""
        self._ends = 0

    # What members say

    def connected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is here; it tells all its links anew."""
        self._left_at.pop((network, node_id), None)

    def disconnected(self, network: NetworkId, node_id: NodeId, unix_now: float) -> None:
        """A member is not here any more."""
        pairs = list(self._of_member.get((network, node_id), ()))
        if pairs:
            self._left_at[network, node_id] = unix_now
        for pair in pairs:
            self._forget_end(network, pair, node_id)
            self._look(network, pair, unix_now)

    def reported(self, network: NetworkId, node_id: NodeId, report: LinksReport, unix_now: float) -> None:
        """A member told what changed of its links."""
        touched: dict[Pair, None] = {}
        if report.is_whole:
            for pair in list(self._of_member.get((network, node_id), ())):
                self._forget_end(network, pair, node_id)
                touched[pair] = None
        for raw in report.gone:
            pair = pair_of(node_id, NodeId(raw))
            self._forget_end(network, pair, node_id)
            touched[pair] = None
        for link in report.links:
            pair = pair_of(node_id, NodeId(link.peer))
            if link.peer != node_id.raw and self._take_link(network, pair, node_id, link, unix_now):
                touched[pair] = None
        for sample in report.samples:
            pair = pair_of(node_id, NodeId(sample.peer))
            end = self._end(network, pair, node_id)
            if end is not None:
                end.sample, end.reported_at = sample, unix_now
                touched[pair] = None
        for pair in touched:
            self._look(network, pair, unix_now)

    def network_removed(self, network: NetworkId) -> None:
        """A network is gone, and all its members with it."""
        gone = self._links.pop(network, {})
        self._ends -= sum(end is not None for link in gone.values() for end in link.ends)
        for table in (self._of_member, self._left_at):
            for key in [key for key in table if key[0] == network]:
                del table[key]
        for pair in gone:
            for observer in self.observers:
                observer.link_touched(network, pair)

    # What is known

    def links(self, network: NetworkId) -> list[Link]:
        """Those that are shown, in the order of their pairs."""
        shown = [link for link in self._links.get(network, {}).values() if link.shown is not None]
        return sorted(shown, key=lambda link: link.names)

    def find(self, network: NetworkId, pair: Pair) -> Link | None:
        """One that is shown."""
        link = self._links.get(network, {}).get(pair)
        return None if link is None or link.shown is None else link

    def changes(self, network: NetworkId, pair: Pair) -> Sequence[PathChange]:
        """Of the path of a link, the newest first; also while it is not shown."""
        link = self._links.get(network, {}).get(pair)
        return () if link is None else tuple(reversed(link.changes))

    def all_links(self) -> Iterator[Link]:
        """Those that are shown, of all networks."""
        for links in self._links.values():
            yield from (link for link in links.values() if link.shown is not None)

    def words_of(self, network: NetworkId, node_id: NodeId, unix_now: float) -> Iterator[LinksReport]:
        """All that a member said, as it would say it now; the first report is the whole."""
        ends = [self._end(network, pair, node_id) for pair in self._of_member.get((network, node_id), ())]
        said = [end for end in ends if end is not None]
        for start in range(0, max(1, len(said)), LINKS_LIMIT):
            part = said[start : start + LINKS_LIMIT]
            yield LinksReport(
                is_whole=start == 0,
                links=[_as_of(end, unix_now) for end in part],
                samples=[end.sample for end in part],
            )

    # How it is kept

    def _end(self, network: NetworkId, pair: Pair, node_id: NodeId) -> End | None:
        link = self._links.get(network, {}).get(pair)
        return None if link is None else link.ends[pair.index(node_id)]

    def _take_link(self, network: NetworkId, pair: Pair, node_id: NodeId, report: LinkReport, unix_now: float) -> bool:
        before = self._end(network, pair, node_id)
        if before is None:
            if self._ends >= ENDS_LIMIT:
                return False
            self._ends += 1
            for each in pair:
                self._of_member.setdefault((network, each), {})[pair] = None
        link = self._links.setdefault(network, {}).setdefault(pair, Link(network, pair))
        link.ends[pair.index(node_id)] = End(
            link=report,
            sample=LinkSample(report.peer) if before is None else before.sample,
            since=None if report.age is None else unix_now - report.age,
            handshake_at=None if report.handshake_age is None else unix_now - report.handshake_age,
            reported_at=unix_now,
        )
        return True

    def _forget_end(self, network: NetworkId, pair: Pair, node_id: NodeId) -> None:
        link = self._links.get(network, {}).get(pair)
        if link is None or link.ends[pair.index(node_id)] is None:
            return
        self._ends -= 1
        link.ends[pair.index(node_id)] = None

    def _drop_if_void(self, link: Link) -> None:
        """Nobody says anything of it any more."""
        if any(end is not None for end in link.ends):
            return
        self._links[link.network].pop(link.pair, None)
        for node_id in link.pair:
            pairs = self._of_member.get((link.network, node_id), {})
            pairs.pop(link.pair, None)
            if not pairs:
                self._of_member.pop((link.network, node_id), None)
                self._left_at.pop((link.network, node_id), None)

    def _look(self, network: NetworkId, pair: Pair, unix_now: float) -> None:
        """Show a link as it is after something was said of it, and note another path."""
        link = self._links.get(network, {}).get(pair)
        if link is None:
            return
        main = self._main(link)
        before, link.shown = link.shown, None
        if main is not None:
            end = link.ends[main]
            assert end is not None
            link.shown = (end.link.path, carriers_of(end.link))
        if link.shown != before and (before is None or before[0] != "none" or link.shown is not None):
            self._note_change(link, before, main, unix_now)
        for observer in self.observers:
            observer.link_touched(network, pair)
        self._drop_if_void(link)

    def _note_change(
        self, link: Link, before: tuple[str, tuple[str, ...]] | None, main: int | None, unix_now: float
    ) -> None:
        path, via = link.shown or ("none", ())
        last = link.changes[-1] if link.changes else None
        if (last is None and path == "none") or (last is not None and (last.path, last.via) == (path, via)):
            return
        end = None if main is None else link.ends[main]
        change = PathChange(
            at=unix_now,
            path=path,
            via=via,
            before="none" if before is None else before[0],
            reason=OFFLINE if end is None else end.link.reason,
            reported_by=None if main is None else link.pair[main],
        )
        link.changes.append(change)
        for observer in self.observers:
            observer.path_changed(link.network, link.pair, change)

    def _main(self, link: Link) -> int | None:
        """Whose word a link is shown by; None: it is not shown."""
        left_at = max((self._left_at.get((link.network, one), 0.0) for one in link.pair), default=0.0)
        said = [number for number, end in enumerate(link.ends) if end is not None]
        if left_at:
            said = [number for number in said if _heard_since(link.ends[number], left_at + SILENT_SECONDS)]
        if not said:
            return None
        return min(said, key=lambda number: (_path_of(link.ends[number]) != "none", number))


def main_end(link: Link) -> tuple[int, End]:
    """Number and words of the end by which a link that is shown is shown."""
    found = [(number, end) for number, end in enumerate(link.ends) if end is not None]
    return min(found, key=lambda each: (each[1].link.path != "none", each[0]))


def carriers_of(report: LinkReport) -> tuple[str, ...]:
    """Node ids of the members that carry a link, or the name of its relay."""
    if report.relay:
        return (report.relay,)
    return tuple(node_text(NodeId(raw)) for raw in report.via)


def _as_of(end: End, unix_now: float) -> LinkReport:
    ages = (None if at is None else max(0.0, unix_now - at) for at in (end.since, end.handshake_at))
    age, handshake_age = ages
    return msgspec.structs.replace(end.link, age=age, handshake_age=handshake_age)


def _path_of(end: End | None) -> str:
    return "none" if end is None else end.link.path


def _heard_since(end: End | None, moment: float) -> bool:
    return end is not None and end.sample.received > 0 and end.reported_at >= moment
