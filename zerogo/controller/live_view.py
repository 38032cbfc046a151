# -*- test-case-name: zerogo.test.controller.test_live_view -*-
"""Joins what shows people how things are: who is told when members come, go and report, and in which order."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from zerogo.control.messages import LinksReport
from zerogo.controller.callers import is_still_good
from zerogo.controller.desk import Desk
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
        self.feed.watched = membership.watch
        self._sampler = LinkSampler(
            desk.links.book,
            desk.links.rings,
            desk.clock,
            desk.unix_time,
            is_watched=lambda: self.feed.is_watched,
            keep=self._keep_means,
        )
        desk.links.book.observers += [desk.links.events, self.feed]
        self._webhooks = desk.webhooks
        desk.links.events.observers += [self.feed.event, desk.webhooks.note]
        membership.observer = self

    def start(self) -> None:
        """Begin to keep the course of links, and to tell webhooks."""
        self._sampler.start()
        self._webhooks.start()

    def stop(self) -> None:
        """Do nothing any more."""
        self._sampler.stop()
        self._webhooks.stop()
        self.feed.stop()

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
        self._links.events.member_online(network, node_id)
        self._links.book.connected(network, node_id)
        self.feed.member_touched(network, node_id)

    def member_disconnected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is not here any more."""
        self._links.events.member_offline(network, node_id)
        self._links.book.disconnected(network, node_id, self._unix_time())
        self.feed.member_touched(network, node_id)

    def links_reported(self, network: NetworkId, node_id: NodeId, report: LinksReport) -> None:
        """A member told what changed of its links."""
        self._links.book.reported(network, node_id, report, self._unix_time())
        if report.about is not None:
            self.feed.member_touched(network, node_id)
