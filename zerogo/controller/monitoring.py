# -*- test-case-name: zerogo.test.controller.test_monitoring -*-
"""The controller's figures for Prometheus, and whether it can work; nothing in them names a person, a node or an
address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from zerogo import __version__
from zerogo.controller.membership import Membership
from zerogo.controller.site import ControllerSite
from zerogo.net.control_server import ControlServer
from zerogo.observe.metrics import Metric
from zerogo.observe.process import process_metrics
from zerogo.store.rewind import revisions
from zerogo.store.threads import StoreThreads

READY_SECONDS = 3.0
"""A database that has not answered by then is one that does not."""


@define
class Monitor:
    """Where the figures come from."""

    store: StoreThreads
    membership: Membership
    agents: ControlServer
    site: ControllerSite
    clock: IReactorTime

    def ready(self) -> Deferred[str]:
        """Why the controller cannot work; empty: it can."""
        asked = self.store.read(revisions)
        asked.addTimeout(READY_SECONDS, self.clock)
        return asked.addCallbacks(lambda _: "", _reason)

    def collect(self) -> Iterator[Metric]:
        """All figures."""
        yield Metric("zerogo_controller_info", "gauge", "The release that runs.", {__version__: 1}, "version")
        yield from self._agents()
        yield from self._work()
        yield from process_metrics()

    def _agents(self) -> Iterator[Metric]:
        counts = self.membership.connection_counts()
        yield Metric(
            "zerogo_controller_connections", "gauge", "Agents' connections by how far they are.", counts, "state"
        )
        outcomes = dict(sorted(self.membership.outcomes.items()))
        yield Metric(
            "zerogo_controller_registrations_total",
            "counter",
            "Registrations by what became of them.",
            outcomes,
            "outcome",
        )
        yield Metric(
            "zerogo_controller_messages_sent_total", "counter", "Messages to agents.", {"": self.agents.messages_sent}
        )
        yield Metric(
            "zerogo_controller_bytes_sent_total",
            "counter",
            "Bytes of messages to agents.",
            {"": self.agents.bytes_sent},
        )
        yield Metric(
            "zerogo_controller_pushes_total", "counter", "Network maps published.", {"": self.membership.pushes}
        )

    def _work(self) -> Iterator[Metric]:
        statuses = Counter({f"{status // 100}xx": 0 for status in (200, 400, 500)})
        for status, count in self.site.statuses.items():
            statuses[f"{status // 100}xx"] += count
        yield Metric("zerogo_controller_requests_total", "counter", "HTTP requests answered.", statuses, "status")
        store = self.store
        yield Metric(
            "zerogo_controller_store_waiting", "gauge", "Units of work waiting or running.", {"": store.waiting}
        )
        yield Metric("zerogo_controller_store_units_total", "counter", "Units of work ended.", {"": store.done})
        yield Metric("zerogo_controller_store_refused_total", "counter", "Units of work refused.", {"": store.refused})
        yield Metric(
            "zerogo_controller_store_seconds_total", "counter", "Seconds units waited and ran.", {"": store.seconds}
        )


def _reason(failure: Failure) -> str:
    return f"the database does not answer: {failure.type.__name__ if failure.type else ''}"
