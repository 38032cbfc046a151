# -*- test-case-name: zerogo.test.controller.test_live_view -*-
"""Joins what shows people how things are: who is told when members come, go and report, and in which order."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from zerogo.control.fellow_words import AreaOutdated, MemberReported, Word
from zerogo.control.messages import LinksReport
from zerogo.controller.callers import is_still_good
from zerogo.controller.desk import Desk
from zerogo.controller.fellow_view import FellowView
from zerogo.controller.link_sampler import LinkSampler
from zerogo.controller.live_feed import LiveFeed
from zerogo.controller.membership import Membership
from zerogo.errors import ZeroGoError
from zerogo.ids import NetworkId, NodeId
from zerogo.store import link_history
from zerogo.store.link_history import LinkMean

_log = Logger()


class LiveView:
    """Links, events, and the feed of dashboards, from `start` to `stop`."""

    def __init__(self, desk: Desk, membership: Membership) -> None:
        self._links = desk.links
        self._unix_time = desk.unix_time
        self._store = desk.store
        self.feed = LiveFeed(
            desk.store,
            membership.presence,
            desk.relays,
            desk.links.book,
            desk.clock,
            partial(is_still_good, desk),
        )
        self._membership = membership
        self._fellows = FellowView(
            desk.links.book,
            desk.clock,
            desk.unix_time,
            came=self._came_elsewhere,
            went=self._went_elsewhere,
            looking_changed=self._watch,
        )
        self._fellows.tell = lambda word: membership.tell_fellows(word)
        membership.elsewhere = self._fellows.presence
        self.feed.watched = self._looking
        self._sampler = LinkSampler(
            desk.links.book,
            desk.links.rings,
            desk.clock,
            desk.unix_time,
            is_watched=lambda: self.feed.is_watched,
            keep=self._keep_means,
        )
        self._sampler.coarse_taken = self._note_courses
        desk.links.book.observers += [desk.links.events, self.feed]
        desk.areas.observers.append(self._area_outdated)
        desk.exits.shown_changed = partial(desk.areas.outdated, "exits")
        desk.webhooks.shown_changed = partial(desk.areas.outdated, "webhooks")
        self._webhooks = desk.webhooks
        desk.links.events.observers += [self.feed.event, desk.webhooks.note]
        membership.observer = self

    def start(self) -> None:
        """Begin to keep the course of links, and to tell webhooks."""
        self._sampler.start()
        self._fellows.start()
        self._webhooks.start()

    def stop(self) -> None:
        """Do nothing any more."""
        self._sampler.stop()
        self._fellows.stop()
        self._webhooks.stop()
        self.feed.stop()

    def _looking(self, is_looking: bool) -> None:
        self._fellows.look(is_looking)
        self._watch()

    def _watch(self) -> None:
        self._membership.watch(self.feed.is_watched or self._fellows.do_others_look)

    def _came_elsewhere(self, network: NetworkId, node_id: NodeId) -> None:
        self._links.book.connected(network, node_id)
        self.feed.member_touched(network, node_id)

    def _went_elsewhere(self, network: NetworkId, node_id: NodeId) -> None:
        self._links.book.disconnected(network, node_id, self._unix_time())
        self.feed.member_touched(network, node_id)

    def _area_outdated(self, area: str, network: str) -> None:
        self.feed.area_outdated(area, network)
        if self._fellows.do_others_look:
            self._membership.tell_fellows(AreaOutdated(area, network))

    def _note_courses(self, now: float) -> None:
        links = self._links
        links.courses.take(links.book.all_links(), lambda network: len(self._membership.presence(network)), now)

    def _keep_means(self, means: list[LinkMean]) -> None:
        kept: Deferred[None] = ensureDeferred(self._write(means))
        kept.addErrback(lambda failure: _log.failure("A bug in the course of links", failure))

    async def _write(self, means: list[LinkMean]) -> None:
        try:
            await self._store.write(link_history.keep, means, self._unix_time())
        except ZeroGoError as error:
            _log.warn("The course of links could not be stored: {reason}", reason=str(error))

    # From the membership

    def network_touched(self, network: NetworkId) -> None:
        """A network, or who is in it, may be other than it was."""
        self.feed.network_touched(network)

    def network_removed(self, network: NetworkId) -> None:
        """A network is gone."""
        self._links.book.network_removed(network)
        self._links.events.network_removed(network)
        self.feed.network_touched(network)

    def member_connected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is here."""
        self._fellows.connected(network, node_id)
        self._links.events.member_online(network, node_id)
        self._links.book.connected(network, node_id)
        self.feed.member_touched(network, node_id)

    def member_disconnected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is not here any more, or has gone to another controller."""
        self._fellows.disconnected(network, node_id)
        if self._fellows.is_elsewhere(network, node_id):
            self.feed.member_touched(network, node_id)
            return
        self._links.events.member_offline(network, node_id)
        self._links.book.disconnected(network, node_id, self._unix_time())
        self.feed.member_touched(network, node_id)

    def links_reported(self, network: NetworkId, node_id: NodeId, report: LinksReport) -> None:
        """A member told what changed of its links."""
        self._fellows.reported(network, node_id, report)
        self._take_report(network, node_id, report)

    def heard(self, word: Word) -> None:
        """What another controller says; raises `ParseError`."""
        if isinstance(word, AreaOutdated):
            self.feed.area_outdated(word.area, word.network_id)
        report = self._fellows.heard(word)
        if report is not None and isinstance(word, MemberReported):
            self._take_report(word.network, word.node_id, report)

    def _take_report(self, network: NetworkId, node_id: NodeId, report: LinksReport) -> None:
        self._links.book.reported(network, node_id, report, self._unix_time())
        if report.about is not None:
            self.feed.member_touched(network, node_id)
