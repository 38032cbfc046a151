# -*- test-case-name: zerogo.test.controller.test_live_feed -*-
"""Keeps dashboards on the newest picture: reads what changed, and tells all who look what is new.

While nobody looks, nothing is kept. The first who looks has everything read; from then on a network that was touched
is read again, a member whose presence was touched is only shown again. What changes is gathered: after a quiet while
it is told at once, then `INTERVAL_SECONDS` go by. A message is encoded once for all who may see the same.

Whoever does not read is left out while the transport's buffer is full, and is then given a new snapshot, so a slow
dashboard costs one snapshot of memory and holds nobody up. Who looks is asked for anew every `RECHECK_SECONDS`: a
session that is over, a user who was disabled, a role that was taken away end the WebSocket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.control.coordinator_events import Presence
from zerogo.control.relays import RelayPlace
from zerogo.controller.areas import areas_for
from zerogo.controller.caller import Caller
from zerogo.controller.documents import MemberDocument, NetworkDocument
from zerogo.controller.event_log import Event
from zerogo.controller.link_book import LinkBook, Pair, PathChange, node_text
from zerogo.controller.link_documents import EventDocument, LinkDocument
from zerogo.controller.live_documents import AREAS, Kind, RelayDocument
from zerogo.controller.live_state import LiveState, Sight
from zerogo.errors import ZeroGoError
from zerogo.ids import NetworkId, NodeId
from zerogo.store import live
from zerogo.store.live import StoredPicture
from zerogo.store.threads import StoreAccess
from zerogo.store.values import Role

INTERVAL_SECONDS = 0.5
"""Between two messages of changes."""
SETTLE_SECONDS = 0.05
"""After the first change: what belongs together comes together."""
RETRY_SECONDS = 1.0
RECHECK_SECONDS = 15.0
BEHIND_SECONDS = 60.0
"""Whoever has not read for so long is closed."""
NOT_ALLOWED, TRY_LATER = 4401, 4408
"""Close codes."""

_log = Logger()
_encode = msgspec.json.Encoder().encode


class Viewer(Protocol):
    """A dashboard's WebSocket."""

    caller: Caller
    since: float
    """Unix seconds, of its ticket."""

    def send(self, message: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class _Seat:
    """A viewer, and how far it is."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.sight = Sight(kinds_for(viewer.caller), areas_for(viewer.caller))
        self.behind_since: float | None = None


def kinds_for(caller: Caller) -> frozenset[Kind]:
    """What a caller may see by REST, and so is pushed."""
    if caller.role.rank < Role.AUDITOR.rank:
        return frozenset()
    return frozenset(kind for kind, area in AREAS.items() if caller.scopes is None or f"{area}:read" in caller.scopes)


class LiveFeed:
    """All dashboards of a controller. `is_still_good` says whether who looks may go on."""

    def __init__(
        self,
        store: StoreAccess,
        presence: Callable[[NetworkId, Iterable[NodeId] | None], dict[NodeId, Presence]],
        relays: Iterable[RelayPlace],
        links: LinkBook,
        clock: IReactorTime,
        is_still_good: Callable[[Caller, float], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._presence = presence
        self._relays = [RelayDocument.of(place) for place in relays]
        self._links = links
        self._clock = clock
        self.watched: Callable[[bool], object] = lambda is_watched: None
        """Is told when the first begins to look, and when the last has looked away."""
        self._is_still_good = is_still_good
        self._seats: dict[Viewer, _Seat] = {}
        self._state: LiveState | None = None
        """None: nobody looks, or the first picture is being read."""
        self._pictures: dict[NetworkId, StoredPicture] = {}
        self._stale: dict[NetworkId, None] = {}
        self._touched: dict[NetworkId, dict[NodeId, None]] = {}
        self._touched_links: dict[tuple[NetworkId, Pair], None] = {}
        self._told_at = clock.seconds() - INTERVAL_SECONDS
        self._is_reading = False
        self._due: IDelayedCall | None = None
        self._rechecks = LoopingCall(self._recheck)
        self._rechecks.clock = clock

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks."""
        return bool(self._seats)

    # Who looks

    def join(self, viewer: Viewer) -> None:
        """Somebody looks; a snapshot follows."""
        self._seats[viewer] = _Seat(viewer)
        if not self._rechecks.running:
            self._rechecks.start(RECHECK_SECONDS, now=False)
            self.watched(True)
        if self._state is not None:
            self._send_snapshot(self._seats[viewer], self._state)
        elif len(self._seats) == 1:
            self._schedule(0.0)

    def leave(self, viewer: Viewer) -> None:
        """Somebody looks away."""
        self._seats.pop(viewer, None)
        if not self._seats:
            self.stop()

    def congestion_changed(self, viewer: Viewer, is_congested: bool) -> None:
        """The transport's buffer is full, or has room again."""
        seat = self._seats.get(viewer)
        if seat is None:
            return
        if is_congested:
            seat.behind_since = self._clock.seconds()
        elif seat.behind_since is not None:
            seat.behind_since = None
            if self._state is not None:
                self._send_snapshot(seat, self._state)

    def stop(self) -> None:
        """Keep nothing."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._rechecks.running:
            self._rechecks.stop()
            self.watched(False)
        self._state = None
        self._pictures.clear()
        self._stale.clear()
        self._touched.clear()
        self._touched_links.clear()

    # What changed

    def network_touched(self, network: NetworkId) -> None:
        """A network, or who is in it, may be other than it was."""
        if self._seats:
            self._stale[network] = None
            self._schedule()

    def member_touched(self, network: NetworkId, node_id: NodeId) -> None:
        """A member came or went."""
        if self._seats:
            self._touched.setdefault(network, {})[node_id] = None
            self._schedule()

    def link_touched(self, network: NetworkId, pair: Pair) -> None:
        """Something was said of a link."""
        if self._seats:
            self._touched_links[network, pair] = None
            self._schedule()

    def path_changed(self, network: NetworkId, pair: Pair, change: PathChange) -> None:
        """An event tells of it."""

    def area_outdated(self, area: str, network: str) -> None:
        """What REST gives in an area is other than it was."""
        if self._state is not None:
            self._state.outdate(area, network)
            self._schedule()

    def event(self, event: Event) -> None:
        """Something happened."""
        if self._state is not None:
            self._state.tell(str(event.network), str(event.number), EventDocument.of(event))
            self._schedule()

    def _schedule(self, seconds: float | None = None) -> None:
        if self._due is None and not self._is_reading:
            wait = self._told_at + INTERVAL_SECONDS - self._clock.seconds()
            self._due = self._clock.callLater(max(SETTLE_SECONDS, wait) if seconds is None else seconds, self._begin)

    def _begin(self) -> None:
        self._due = None
        self._is_reading = True
        done: Deferred[None] = ensureDeferred(self._bring_up_to_date())
        done.addErrback(lambda failure: _log.failure("A bug in the live feed", failure))
        done.addCallback(self._ended)

    def _ended(self, _: object) -> None:
        self._is_reading = False
        if self._seats and self._is_due:
            self._schedule(None if self._state is not None else RETRY_SECONDS)

    @property
    def _is_due(self) -> bool:
        state = self._state
        return state is None or state.is_changed or bool(self._stale or self._touched or self._touched_links)

    async def _bring_up_to_date(self) -> None:
        try:
            if self._state is None:
                await self._read_all()
            else:
                await self._read_stale(self._state)
        except ZeroGoError as error:
            _log.warn("What dashboards show could not be read: {reason}", reason=str(error))

    async def _read_all(self) -> None:
        pictures = await self._store.read(live.read_pictures)
        if not self._seats:
            return
        state = self._state = LiveState()
        for picture in pictures:
            self._show(state, picture)
            for link in self._links.links(picture.network.network):
                self._show_link(state, link.network, link.pair)
        for relay in self._relays:
            state.put(Kind.RELAY, "", relay.id, relay)
        state.take_changes()
        for seat in self._seats.values():
            self._send_snapshot(seat, state)

    async def _read_stale(self, state: LiveState) -> None:
        for network in list(self._stale):
            picture = await self._store.read(live.read_picture, network)
            self._stale.pop(network, None)
            if self._state is not state:
                return
            if picture is not None:
                self._show(state, picture)
            else:
                self._pictures.pop(network, None)
                state.drop_network(str(network))
        self._show_touched(state)
        self._tell(state)

    # What is shown

    def _show(self, state: LiveState, picture: StoredPicture) -> None:
        network = picture.network.network
        self._pictures[network] = picture
        self._touched.pop(network, None)
        presence = self._presence(network, None)
        state.put(Kind.NETWORK, str(network), str(network), NetworkDocument.of(picture.network))
        for member in picture.members:
            document = MemberDocument.of(member, presence.get(member.node_id))
            state.put(Kind.MEMBER, str(network), str(member.node_id), document)
        state.keep_only(Kind.MEMBER, str(network), (str(member.node_id) for member in picture.members))

    def _show_touched(self, state: LiveState) -> None:
        for network, nodes in self._touched.items():
            picture = self._pictures.get(network)
            presence = self._presence(network, nodes)
            for member in picture.members if picture is not None else ():
                if member.node_id in nodes:
                    document = MemberDocument.of(member, presence.get(member.node_id))
                    state.put(Kind.MEMBER, str(network), str(member.node_id), document)
        self._touched.clear()
        for network, pair in self._touched_links:
            self._show_link(state, network, pair)
        self._touched_links.clear()

    def _show_link(self, state: LiveState, network: NetworkId, pair: Pair) -> None:
        link, name = self._links.find(network, pair), f"{node_text(pair[0])}/{node_text(pair[1])}"
        if link is None or network not in self._pictures:
            state.drop(Kind.LINK, str(network), name)
        else:
            state.put(Kind.LINK, str(network), name, LinkDocument.of(link))

    def _tell(self, state: LiveState) -> None:
        if not state.is_changed:
            return
        changes, outdated = state.take_changes(), state.take_outdated()
        self._told_at = self._clock.seconds()
        encoded: dict[Sight, bytes] = {}
        for seat in list(self._seats.values()):
            if seat.behind_since is not None:
                continue
            if seat.sight not in encoded:
                message = seat.sight.of(state.revision, changes, outdated)
                encoded[seat.sight] = _encode(message) if message is not None else b""
            if encoded[seat.sight]:
                seat.viewer.send(encoded[seat.sight])

    def _send_snapshot(self, seat: _Seat, state: LiveState) -> None:
        seat.viewer.send(_encode(state.snapshot(seat.sight.kinds)))

    # Who may go on

    async def _recheck(self) -> None:
        now = self._clock.seconds()
        for viewer, seat in list(self._seats.items()):
            if seat.behind_since is not None and now - seat.behind_since >= BEHIND_SECONDS:
                viewer.close(TRY_LATER, "you do not read what you are sent")
                continue
            try:
                is_good = await self._is_still_good(viewer.caller, viewer.since)
            except ZeroGoError as error:
                _log.warn("Who looks could not be checked: {reason}", reason=str(error))
                return
            if not is_good:
                viewer.close(NOT_ALLOWED, "the session is over: log in again")
