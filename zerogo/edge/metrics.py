# -*- test-case-name: zerogo.test.edge.test_metrics -*-
"""The edge's figures, as its owner's Prometheus and its local diagnostics read them; nothing in them names a target."""

from __future__ import annotations

from collections.abc import Iterator

from zerogo import __version__
from zerogo.edge.fleet import EdgeFleet
from zerogo.edge.tunnel import EdgeCondition
from zerogo.observe.metrics import Metric
from zerogo.observe.process import process_metrics


def edge_metrics(fleet: EdgeFleet) -> Iterator[Metric]:
    """All figures."""
    counters = fleet.owner.counters
    yield Metric("zerogo_edge_info", "gauge", "The release that runs.", {__version__: 1}, "version")
    conditions = {str(condition): 0 for condition in EdgeCondition}
    for tunnel in fleet.tunnels:
        conditions[str(tunnel.condition)] += 1
    yield Metric("zerogo_edge_gateways", "gauge", "Gateways by how this edge stands with them.", conditions, "state")
    yield Metric("zerogo_edge_paused", "gauge", "Whether the owner lends nothing.", {"": fleet.owner.is_paused})
    yield Metric("zerogo_edge_streams", "gauge", "Streams that are open.", {"": fleet.streams})
    outcomes = {"taken": counters.streams, "refused": counters.refused, "failed": counters.failed}
    yield Metric(
        "zerogo_edge_streams_total",
        "counter",
        "Streams that were asked for, by what became of it.",
        outcomes,
        "outcome",
    )
    passed = {"out": counters.sent, "in": counters.received}
    yield Metric("zerogo_edge_bytes_total", "counter", "Payload bytes.", passed, "direction")
    yield Metric("zerogo_edge_month_bytes", "gauge", "Payload bytes of this month.", {"": fleet.owner.month.used})
    rtts = [tunnel.rtt for tunnel in fleet.tunnels if tunnel.rtt is not None]
    if rtts:
        yield Metric("zerogo_edge_rtt_seconds", "gauge", "Round trip to the nearest gateway.", {"": min(rtts)})
    yield from process_metrics()


def edge_counters(fleet: EdgeFleet) -> dict[str, object]:
    """The same for the diagnostics."""
    return {metric.name: dict(metric.values) if metric.label else metric.values[""] for metric in edge_metrics(fleet)}
