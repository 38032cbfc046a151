# -*- test-case-name: zerogo.test.control.test_pushes -*-
"""Keeps every connected member of a network on its newest map.

The first change after a quiet while is published at once; further ones wait until `interval` has gone by since the last
push, which grows with the number of members connected: 0.1 s up to 200 members, 0.5 s for 1,000, never above 3 s.

A new map goes to `AT_ONCE` members at each call of `tell`, which the driver calls while `is_telling`: to tell a
thousand takes many milliseconds, and how many of them in a row is the driver's to say, which knows who else waits.
Networks take turns. Who still waits for one map when the next is published comes first then, and is told the newest
alone. A connection whose transport is congested is left out and gets one delta when it has room again.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

from zerogo.control.connection import Connection, ConnectionState
from zerogo.control.coordinator_events import CoordinatorEvent, MapWanted
from zerogo.control.publication import MapView, Publication
from zerogo.core import TimerTable
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.identity import Identity

RETRY_MAP_SECONDS = 1.0
INTERVAL_LEAST, INTERVAL_MOST = 0.1, 3.0
INTERVAL_PER_MEMBER = 0.0005
AT_ONCE = 8
"""Members told in one go: a third of a millisecond of work with what it takes to send it."""
WHATEVER_IS_NEWEST = math.inf


class Pushes:
    """Part of `Coordinator`, which owns connections and timers."""

    def __init__(
        self,
        controller: Identity,
        present: Mapping[NetworkId, Mapping[NodeId, Connection]],
        events: deque[CoordinatorEvent],
        timers: TimerTable[NetworkId | str],
        collect: Callable[[Connection], None],
    ) -> None:
        """`present` has the connected members; `collect` takes what a connection has to send."""
        self._controller = controller
        self._present = present
        self._events = events
        self._timers = timers
        self._collect = collect
        self._publications: dict[NetworkId, Publication] = {}
        self._loading: dict[NetworkId, float] = {}
        """Networks whose map has been asked for, and the revision that it was said to have meanwhile."""
        self._pushed_at: dict[NetworkId, float] = {}
        self._rounds: OrderedDict[NetworkId, deque[Connection]] = OrderedDict()
        """Who is still to be told of the published map."""

    def published(self, network: NetworkId) -> Publication | None:
        """What members are brought to, once it was read."""
        return self._publications.get(network)

    @property
    def is_telling(self) -> bool:
        """Whether members wait to be told of a published map."""
        return bool(self._rounds)

    def changed(self, network: NetworkId, now: float, revision: float = WHATEVER_IS_NEWEST) -> None:
        """The stored network has this revision, or a new one: publish it, at once or when the interval is over."""
        if network in self._loading:
            self._loading[network] = max(self._loading[network], revision)
            return
        due = self._pushed_at.get(network, now - INTERVAL_MOST) + self.interval(network)
        if due <= now:
            self._ask(network)
        elif not self._timers.is_set(network):
            self._timers.set(network, due)

    def install(self, view: MapView, now: float) -> None:
        """The network as it is stored: sign it and begin to bring every connected member to it."""
        network = view.network_map.network
        publication = self._publications.get(network)
        self._pushed_at[network] = now
        if publication is None:
            self._publications[network] = Publication(view, self._controller)
        elif not publication.replace(view):
            return
        waiting, everybody = self._rounds.get(network, ()), self._present.get(network, {}).values()
        if told := deque(dict.fromkeys((*waiting, *everybody))):
            self._rounds[network] = told

    def installed(self, network: NetworkId, now: float) -> None:
        """What had to be done about the installed map is done. Who waits for a revision that it has needs no other."""
        wanted, publication = self._loading.pop(network, 0), self._publications.get(network)
        if publication is None or wanted > publication.revision:
            self.changed(network, now, wanted)

    def failed(self, network: NetworkId, now: float) -> None:
        """The network could not be read: ask again in a second."""
        self._loading.pop(network, None)
        self._timers.set(network, now + RETRY_MAP_SECONDS)

    def removed(self, network: NetworkId) -> None:
        """The network is gone."""
        for known in (self._publications, self._pushed_at, self._loading, self._rounds):
            known.pop(network, None)
        self._timers.cancel(network)

    def interval(self, network: NetworkId) -> float:
        """Seconds between two pushes to this network, at least."""
        wanted = len(self._present.get(network, ())) * INTERVAL_PER_MEMBER
        return min(INTERVAL_MOST, max(INTERVAL_LEAST, wanted))

    def timer_due(self, network: NetworkId, now: float) -> None:
        """One of the timers set here: the interval is over."""
        self._ask(network)

    def bring(self, connection: Connection) -> None:
        """Bring a member to the published map; after its registration it is told also that nothing changed."""
        registration = connection.registration
        if connection.state is not ConnectionState.MEMBER or connection.is_congested or registration is None:
            return
        publication = self._publications.get(registration.network)
        if publication is None or publication.revision < connection.needed_revision:
            return
        if connection.is_map_due or connection.sent_revision != publication.revision:
            connection.is_map_due = False
            sheet = publication.sheet_for(registration.node_id)
            if sheet is not None and sheet.digest != connection.sent_filters:
                connection.sent_filters = sheet.digest
                connection.send_encoded(sheet.message)
            connection.send_encoded(publication.message_for(connection.sent_revision))
            connection.sent_revision = publication.revision

    def tell(self, now: float) -> None:
        """Bring the next few members to their network's published map."""
        if not self._rounds:
            return
        network, waiting = self._rounds.popitem(last=False)
        present = self._present.get(network, {})
        for _ in range(min(AT_ONCE, len(waiting))):
            connection = waiting.popleft()
            registration = connection.registration
            if registration is not None and present.get(registration.node_id) is connection:
                self.bring(connection)
                self._collect(connection)
        if waiting:
            self._rounds[network] = waiting

    def _ask(self, network: NetworkId) -> None:
        if network not in self._loading:
            self._loading[network] = 0
            self._events.append(MapWanted(network))
