# -*- test-case-name: zerogo.test.controller.test_event_log -*-
"""What happened in networks, for people: members that came and went, links that took another path.

The newest `EVENTS_KEPT` of each network are in memory; what people decided is in the audit log. Numbers grow also
over restarts, since they begin at the time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from attrs import field, frozen

from zerogo.controller.link_book import Pair, PathChange
from zerogo.ids import NetworkId, NodeId
from zerogo.store.paging import Paging, Piece

EVENTS_KEPT = 1000
MEMBER_ONLINE, MEMBER_OFFLINE, LINK_PATH = "member.online", "member.offline", "link.path"


@frozen(kw_only=True)
class Event:
    """Something happened."""

    number: int
    network: NetworkId
    at: float
    """Unix seconds."""
    kind: str
    """One of the constants above."""
    nodes: tuple[NodeId, ...]
    """Of members: one, or the pair of a link."""
    change: PathChange | None = field(default=None)
    """Of a link's path."""


class EventLog:
    """The newest events; `observers` are told of each."""

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self.observers: list[Callable[[Event], object]] = []
        self._unix_time = unix_time
        self._number = int(unix_time() * 1000)
        self._events: dict[NetworkId, deque[Event]] = {}

    def member_online(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is connected to the controller."""
        self._note(network, MEMBER_ONLINE, (node_id,))

    def member_offline(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is not connected any more."""
        self._note(network, MEMBER_OFFLINE, (node_id,))

    def link_touched(self, network: NetworkId, pair: Pair) -> None:
        """Figures are no events."""

    def path_changed(self, network: NetworkId, pair: Pair, change: PathChange) -> None:
        """A link took another path."""
        self._note(network, LINK_PATH, pair, change)

    def network_removed(self, network: NetworkId) -> None:
        """A network is gone."""
        self._events.pop(network, None)

    def page(self, network: NetworkId, paging: Paging) -> Piece[Event]:
        """A piece of a network's events, the newest first."""
        before = math.inf if paging.after is None else float(paging.after[0])
        newest = (event for event in reversed(self._events.get(network, ())) if event.number < before)
        found = [event for event, _ in zip(newest, range(paging.limit + 1), strict=False)]
        return Piece.cut(found, paging, lambda event: (event.number,))

    def _note(self, network: NetworkId, kind: str, nodes: tuple[NodeId, ...], change: PathChange | None = None) -> None:
        self._number += 1
        event = Event(number=self._number, network=network, at=self._unix_time(), kind=kind, nodes=nodes, change=change)
        self._events.setdefault(network, deque(maxlen=EVENTS_KEPT)).append(event)
        for observer in self.observers:
            observer(event)
