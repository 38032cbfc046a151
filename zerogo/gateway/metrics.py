# -*- test-case-name: zerogo.test.gateway.test_metrics -*-
"""The gateway's figures, as its operator's Prometheus and its local diagnostics read them; nothing in them names a
person, an edge, a target or an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define

from zerogo import __version__
from zerogo.exit.reason import Reason
from zerogo.gateway.hub import Hub
from zerogo.gateway.metering import LeasedMeter
from zerogo.gateway.users import UserDesk
from zerogo.net.exit_intake import LateEdges
from zerogo.net.exit_ports import Meter
from zerogo.net.exit_user import UserFactory
from zerogo.observe.metrics import Metric
from zerogo.observe.process import process_metrics


@define
class GatewayMonitor:
    """Where the figures come from."""

    hub: Hub
    desk: UserDesk
    meter: Meter
    ports: Sequence[UserFactory]
    """Where users come in."""
    late: LateEdges
    has_controller: Callable[[], bool] | None = None
    """Whether the controller is connected; None: there is none."""

    def collect(self) -> Iterator[Metric]:
        """All figures."""
        yield Metric("zerogo_gateway_info", "gauge", "The release that runs.", {__version__: 1}, "version")
        yield from self._edges()
        yield from self._users()
        yield from self._controller()
        yield from process_metrics()

    def counters(self) -> dict[str, object]:
        """The same for the diagnostics, and how many things this process holds."""
        found: dict[str, object] = {
            metric.name: dict(metric.values) if metric.label else metric.values[""] for metric in self.collect()
        }
        return found | {"sessions": len(self.hub.routes)}

    def _edges(self) -> Iterator[Metric]:
        hub, counters = self.hub, self.hub.counters
        states = {"ready": 0, "away": 0, "draining": 0}
        dials = {"opened": 0, "failed": 0}
        for state in hub.pool.states():
            states["away" if state.is_away else "draining" if state.is_draining else "ready"] += 1
            dials["opened"] += state.opened
            dials["failed"] += state.failed
        yield Metric("zerogo_gateway_edges", "gauge", "Edges by how they are.", states, "state")
        outcomes = {"new": counters.joined, "resumed": counters.resumed, "refused": counters.refused}
        yield Metric(
            "zerogo_gateway_edge_joins_total", "counter", "Edges that came, by what became of it.", outcomes, "outcome"
        )
        sent_away = self.late.count
        yield _one("edges_sent_away_total", "counter", "Edges told to come later, for want of time.", sent_away)
        yield _one("carriers_lost_total", "counter", "Connections of edges that broke.", counters.carriers_lost)
        yield _one("tunnels_lost_total", "counter", "Tunnels that ended for good.", counters.tunnels_lost)
        yield _one("discrepancies_total", "counter", "Edges that counted otherwise.", counters.discrepancies)
        yield Metric(
            "zerogo_gateway_dials", "gauge", "Dials of the edges that are here, since they came.", dials, "outcome"
        )
        yield _one("backlog_bytes", "gauge", "Bytes of edges that users have not taken yet.", hub.backlog)

    def _users(self) -> Iterator[Metric]:
        desk = self.desk
        up, down = desk.passed
        yield _one("connections", "gauge", "Connections of users.", sum(port.connections for port in self.ports))
        turned_away = sum(port.turned_away for port in self.ports)
        yield _one("connections_turned_away_total", "counter", "Connections of users not taken.", turned_away)
        yield _one("users", "gauge", "Users with streams.", desk.users)
        yield _one("streams", "gauge", "Streams that are open.", len(desk.live))
        yield Metric("zerogo_gateway_bytes_total", "counter", "Payload bytes.", {"up": up, "down": down}, "direction")
        yield Metric(
            "zerogo_gateway_streams_ended_total", "counter", "Streams that are over, by why.", desk.ended, "reason"
        )
        yield Metric(
            "zerogo_gateway_streams_failed_total",
            "counter",
            "Streams that no edge could open, by why.",
            _named(self.hub.counters.failures),
            "reason",
        )
        yield Metric(
            "zerogo_gateway_refusals_total",
            "counter",
            "Logins and streams that users may not have, by why.",
            _named(desk.refused),
            "reason",
        )

    def _controller(self) -> Iterator[Metric]:
        if self.has_controller is not None:
            yield _one("controller_connected", "gauge", "Whether the controller is connected.", self.has_controller())
        if isinstance(self.meter, LeasedMeter):
            yield _one(
                "audit_lines_lost_total",
                "counter",
                "Lines of the audit that had no room while the controller was away.",
                self.meter.lines_lost,
            )


def _one(name: str, kind: str, text: str, value: float) -> Metric:
    return Metric(f"zerogo_gateway_{name}", kind, text, {"": value})


def _named(counts: Mapping[Reason, int]) -> dict[str, float]:
    return {reason.name.lower().replace("_", "-"): count for reason, count in counts.items()}
