# -*- test-case-name: zerogo.test.gateway.test_controlled -*-
"""A gateway that has a controller: accounts and settings come from there, and what passed goes there.

While the controller is away, the gateway goes on with what it was told last, which it keeps on disk, for as long as its
configuration says; users with a package then have the credit that was leased, and no more. What passed meanwhile is
told when the controller is back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from zerogo.config.errors import PrivateFileError
from zerogo.control.gateway_messages import (
    ACTIVE_USERS_LIMIT,
    ROWS_LIMIT,
    Accounts,
    Acked,
    Activity,
    Answered,
    Ask,
    Claimed,
    ClaimRequest,
    Discrepancy,
    EdgeHere,
    Enter,
    Forgotten,
    Kick,
    Lease,
    OfficeMessage,
    Presence,
    Settings,
    Shares,
)
from zerogo.errors import ParseError
from zerogo.exit.assign import Candidate, assign
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.notes import Place, Places
from zerogo.exit.tally import Compared
from zerogo.gateway.accounts import AccountBook
from zerogo.gateway.cache import ControllerFiles, Copy
from zerogo.gateway.commons import Commons
from zerogo.gateway.denials import Denials
from zerogo.gateway.hub import Hub
from zerogo.gateway.link import ControllerLink
from zerogo.gateway.metering import LeasedMeter
from zerogo.gateway.reports import report
from zerogo.gateway.tokens import KeyedEdges
from zerogo.gateway.users import UserDesk
from zerogo.net.pump import guarded

TICK_SECONDS = 1.0
SEND_AGAIN_SECONDS = 5.0
"""A batch that the controller has not stored by then, for want of its database, is sent again."""
SAVE_SECONDS = 60.0
"""Between two writes of when the controller was heard."""
STOP_SECONDS = 2.0
"""How long a gateway that stops waits until the controller has its last counts."""

_log = Logger(namespace="zerogo.exit.controller")


@frozen
class Parts:
    """What the controller has a say in, and where its words are kept."""

    book: AccountBook
    meter: LeasedMeter
    edges: KeyedEdges
    files: ControllerFiles
    denials: Denials


class Controlled:
    """The gateway's part of it. `link` is set before `start`."""

    link: ControllerLink

    def __init__(
        self,
        parts: Parts,
        *,
        greeting: Callable[[int], Enter],
        served_seconds: float,
        clock: IReactorTime,
        unix_time: Callable[[], float],
    ) -> None:
        self._book = parts.book
        self._meter = parts.meter
        self._edges = parts.edges
        self._files = parts.files
        self._denials = parts.denials
        self._greeting = greeting
        self._served_seconds = served_seconds
        self._clock = clock
        self._unix_time = unix_time
        self._hub: Hub | None = None
        self._desk: UserDesk | None = None
        self._commons: Commons | None = None
        self._heard_at = 0.0
        self._saved_at = 0.0
        self._is_changed = False
        self._settings = Settings()
        self._coming: list[Accounts] = []
        self._sent_batch = 0
        self._sent_at = 0.0
        self._had_users = True
        self.denials_changed: Callable[[], object] = lambda: None
        """Called when addresses are denied that were not."""
        # What a bug ends in one second is done in the next one.
        self._tick = LoopingCall(guarded, "what a gateway does each second", self.tick)
        self._tick.clock = clock
        parts.meter.wants_lease = self._ask_for_credit
        parts.edges.changed = self._tell_edges

    def load(self) -> None:
        """What the controller said last."""
        try:
            copy = self._files.load()
        except (ParseError, PrivateFileError) as error:
            _log.error("The copy of the controller's accounts is of no use: {reason}", reason=str(error))
            return
        if copy is not None:
            self._book.put(copy.accounts)
            self._book.revision = copy.revision
            self._heard_at = copy.heard_at
            self._take_settings(copy.settings)
        self._check_staleness()

    def start(self, hub: Hub, desk: UserDesk) -> None:
        """Begin."""
        self._hub, self._desk = hub, desk
        hub.places_for = self._places_for
        hub.discrepant = self._report
        self._commons = Commons(hub.routes, self._claim, self._clock)
        hub.ask_first = self._commons.ask_first
        self._commons.others(len(self._settings.places) > 1)
        self.link.start()
        self._tick.start(TICK_SECONDS, now=False)

    @inlineCallbacks
    def stop(self) -> Any:
        """Tell the controller the last counts, and close."""
        if self._tick.running:
            self._tick.stop()
        if self._commons is not None:
            self._commons.stop()
        end = self._clock.seconds() + STOP_SECONDS
        while self.link.is_here and not self._meter.is_all_told and self._clock.seconds() < end:
            self._send_batch()
            yield deferLater(self._clock, 0.05, lambda: None)
        if self._is_changed:
            self._save()
        closed: Deferred[None] = self.link.stop()
        yield closed

    def tick(self) -> None:
        """Once a second."""
        self._check_staleness()
        self._meter.hand_back_idle()
        if self._desk is not None:
            self._desk.check_standings()
            if self._commons is not None:
                self._commons.tick(self._desk.in_use)
        if self.link.is_here:
            self._send_batch()
            self._ask_for_credit()
            self._send_activity()
        if self._is_changed or self._unix_time() - self._saved_at >= SAVE_SECONDS:
            self._save()

    # ----- the link

    @property
    def was_admitted(self) -> bool:
        """Whether the controller ever took us in. Whom it removes afterwards does not come back by the old token."""
        return bool(self._settings.places)

    def greeting(self) -> Enter:
        """Who we are."""
        return self._greeting(self._book.revision)

    def admitted(self) -> None:
        """The controller is here: say what it does not know."""
        self._coming.clear()
        self._sent_batch = 0
        self._tell_all_edges()
        self._send_batch()
        self._ask_for_credit()
        self._had_users = True
        self._send_activity()
        if self._commons is not None:
            self._commons.admitted()

    def heard(self) -> None:
        """The controller lives."""
        self._heard_at = self._unix_time()
        if self._book.is_stale:
            self._check_staleness()

    def told(self, message: OfficeMessage) -> None:
        """What it says."""
        match message:
            case Accounts():
                self._take_accounts(message)
            case Settings():
                self._take_settings(message)
                self._is_changed = True
            case Lease():
                self._meter.leased(message)
                self._ask_for_credit()
            case Acked(number):
                self._meter.acked(number)
                self._sent_batch = 0
                if self._meter.is_urgent:
                    self._send_batch()
            case Shares(users) if self._desk is not None:
                self._desk.take_shares({one.user: (one.up, one.down, one.elsewhere) for one in users})
            case Claimed() if self._commons is not None:
                self._commons.answered(message)
            case Forgotten() if self._commons is not None:
                self._commons.tell_all()
            case Kick() if self._hub is not None and self._desk is not None:
                self._kick(message, self._hub, self._desk)
            case Ask(number) if self._hub is not None and self._desk is not None:
                self.link.send(Answered(number, report(message, self._hub, self._desk)))
            case _:
                pass

    def _take_accounts(self, message: Accounts) -> None:
        if message.is_first and not message.is_last:
            self._coming = [message]
            return
        if not message.is_first and self._coming:
            self._coming.append(message)
            if not message.is_last:
                return
        parts, self._coming = self._coming or [message], []
        before = {account.name: account for account in self._book.given}
        if parts[0].is_first:
            self._book.clear()
        for part in parts:
            self._book.put(part.accounts, part.removed)
        after = {account.name: account for account in self._book.given}
        is_next = parts[0].is_first or message.revision in (self._book.revision, self._book.revision + 1)
        self._book.revision = message.revision if is_next else 0
        self._is_changed = True
        named = () if parts[0].is_first else [account.name for account in message.accounts]
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name) or name in named:
                self._account_changed(name)
        self._send_batch()
        self._ask_for_credit()

    def _account_changed(self, name: str) -> None:
        self._meter.account_changed(name)
        if self._desk is not None:
            self._desk.account_changed(name)

    def _take_settings(self, settings: Settings) -> None:
        self._settings = settings
        self._edges.set(settings)
        self._denials.set(settings.denied_ranges)
        self.denials_changed()
        if self._hub is not None:
            for edge in settings.denied_edges:
                self._hub.kick(edge, "this edge is not wanted here")
            self._hub.places_changed()
        if self._commons is not None:
            self._commons.others(len(settings.places) > 1)

    def _places_for(self, profile: EdgeProfile) -> Places | None:
        """Where an edge should be; nothing is said while no gateway takes edges."""
        known = {place.gateway: place for place in self._settings.places if place.addresses}
        candidates = [
            Candidate(
                gateway=place.gateway,
                region=place.region,
                edges=place.edges,
                edges_limit=place.edges_limit,
                is_draining=place.is_draining,
            )
            for place in known.values()
        ]
        assigned = assign(profile.edge, profile.region, candidates)
        chosen = [known[gateway] for gateway in assigned.gateways]
        if not chosen:
            return None
        places = [Place(place.addresses, place.key_hash, place.is_tls) for place in chosen]
        return Places(assigned.wanted, places)

    def _report(self, edge: str, found: Compared) -> None:
        self.link.send(Discrepancy(edge, found.streams, found.gateway_bytes, found.edge_bytes))

    def _kick(self, order: Kick, hub: Hub, desk: UserDesk) -> None:
        if order.user:
            desk.kill_user(order.user)
        if order.edge:
            hub.kick(order.edge, "this edge was sent away")
        if order.stream:
            desk.kill_stream(order.stream)

    # ----- what the controller is told

    def _ask_for_credit(self) -> None:
        if self.link.is_here:
            for request in list(self._meter.take_lease_requests()):
                self.link.send(request)

    def _claim(self, request: ClaimRequest) -> bool:
        if self.link.is_here:
            self.link.send(request)
        return self.link.is_here

    def _send_batch(self) -> None:
        """One at a time is under way; a new connection sends it again, and so does a controller's silence."""
        now = self._clock.seconds()
        if not self.link.is_here or (self._sent_batch and now - self._sent_at < SEND_AGAIN_SECONDS):
            return
        batch = self._meter.next_batch()
        if batch is not None:
            self._sent_batch, self._sent_at = batch.number, now
            self.link.send(batch)

    def _send_activity(self) -> None:
        if self._desk is None or self._hub is None:
            return
        users = self._desk.activity()[:ACTIVE_USERS_LIMIT]
        figures = len(self._desk.live), len(self._hub.pool), self._hub.is_draining
        for start in range(0, max(len(users), int(self._had_users)), ROWS_LIMIT):
            end = start + ROWS_LIMIT
            self.link.send(Activity(users[start:end], *figures, is_more=end < len(users)))
        self._had_users = bool(users)

    def _tell_all_edges(self) -> None:
        profiles = [] if self._hub is None else [state.profile for state in self._hub.pool.states()]
        for start in range(0, max(1, len(profiles)), ROWS_LIMIT):
            part = [here(profile) for profile in profiles[start : start + ROWS_LIMIT]]
            self.link.send(Presence(part, [], start == 0))

    def _tell_edges(self, come: EdgeProfile | None, gone: str) -> None:
        self.link.send(Presence([] if come is None else [here(come)], [gone] if gone else []))

    # ----- the copy

    def _check_staleness(self) -> None:
        was_stale = self._book.is_stale
        age = self._unix_time() - self._heard_at
        self._book.is_stale = not self.link_is_here and age > self._served_seconds
        if self._book.is_stale and not was_stale and self._book.given:
            _log.error(
                "[DIAG] the controller has been away for too long: its users are not served any more",
                event="accounts-stale",
            )

    @property
    def link_is_here(self) -> bool:
        """Whether the controller is."""
        link = getattr(self, "link", None)
        return link is not None and link.is_here

    def _save(self) -> None:
        self._is_changed = False
        self._saved_at = self._unix_time()
        try:
            self._files.save(Copy(self._book.revision, self._heard_at, self._book.given, self._settings))
        except PrivateFileError as error:
            _log.error("The accounts could not be kept on disk: {reason}", reason=str(error))


def here(profile: EdgeProfile) -> EdgeHere:
    """An edge for the controller."""
    return EdgeHere(
        edge=profile.edge,
        name=profile.name,
        address=profile.address,
        country=profile.country,
        region=profile.region,
        city=profile.city,
        asn=profile.asn,
        version=profile.version,
        consent_at=profile.consent_at,
    )
