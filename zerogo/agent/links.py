# -*- test-case-name: zerogo.test.agent.test_links -*-
"""When this machine's links are looked at and told, and what lends the reports their sentences.

Housekeeping calls `look` every ten seconds. While somebody looks at the controller, `look` plans itself at the interval
that was asked for, and stops when that is over: nobody pays while nobody looks. A path that changes meanwhile is told
without waiting for the interval.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zerogo.agent.link_reports import LinkReporter
from zerogo.agent.mappings import Mappings
from zerogo.agent.pair_facts import pair_facts
from zerogo.agent.presence import Presence
from zerogo.agent.reports import offer_report, peer_report
from zerogo.control.member import Watched
from zerogo.control.messages import AgentFacts, LinksReport
from zerogo.dataplane.interface import PeerCounters
from zerogo.mesh.status import PeerStatus
from zerogo.reach.pair import explain

CHANGE_SECONDS = 0.1
"""While somebody looks, what changed waits for so long for more that changes with it."""


class Links:
    """One network's. `tell` gives a report to the controller and says whether it could."""

    def __init__(
        self,
        clock: IReactorTime,
        presence: Presence,
        *,
        tell: Callable[[LinksReport], bool],
        mappings: Mappings,
        is_streamed: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._presence = presence
        self._tell = tell
        self._mappings = mappings
        self._names: dict[str, str] = {}
        self._reporter = LinkReporter(self._why, is_streamed)
        self._due: IDelayedCall | None = None

    def registered(self) -> None:
        """The controller has welcomed us, and knows nothing of our links."""
        self._reporter.reset()
        self.look()

    def watched(self, watch: Watched) -> None:
        """Somebody looks at the controller, or nobody does any more."""
        self._reporter.watched(watch, self._clock.seconds())
        self.look()

    def changed(self) -> None:
        """A peer is reached another way, or not any more."""
        if self._due is not None and self._due.getTime() > self._clock.seconds() + CHANGE_SECONDS:
            self._due.reset(CHANGE_SECONDS)

    def look(self) -> None:
        """Tell what changed."""
        self.stop()
        segment = self._presence.segment
        now = float(self._clock.seconds())
        if segment is not None:
            peers = segment.peers()
            self._names = {str(peer.node_id): peer.name for peer in peers}
            nat = segment.offer().nat
            self._reporter.use_facts(AgentFacts(segment.plane_name, nat.mapping.value, nat.ports.value))
            report = self._reporter.compose(peers, segment.counters().peers, segment.ciphers(), now)
            if report is not None and not self._tell(report):
                self._reporter.reset()
        interval = self._reporter.interval(now)
        if interval is not None:
            self._due = self._clock.callLater(interval, self._again)

    def stop(self) -> None:
        """Plan nothing."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _again(self) -> None:
        self._due = None
        self.look()

    def _why(self, peer: PeerStatus) -> str:
        segment = self._presence.segment
        if segment is None:
            return ""
        facts = pair_facts(
            peer_report(peer, PeerCounters()),
            offer_report(segment.offer()),
            port=next(iter(self._presence.ports), 0),
            servers=self._presence.servers,
            mapping=self._mappings.report(),
            tcp_mapping=self._mappings.tcp_report(),
            names=self._names,
        )
        return explain(facts).sentence
