# -*- test-case-name: zerogo.test.relay.test_turn -*-
"""The relay's figures, as its operator's Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator

from zerogo.net.turn_server import TurnDriver
from zerogo.observe.metrics import Metric
from zerogo.stun.server import ResponderCounters
from zerogo.turn.server import TurnServer


def stun_metrics(counters: ResponderCounters) -> Iterator[Metric]:
    """Of the STUN service."""
    yield Metric(
        "zerogo_relay_binding_requests_total",
        "counter",
        "STUN Binding requests by what became of them.",
        {
            "answered": counters.answered,
            "limited": counters.limited,
            "malformed": counters.malformed,
            "refused": counters.refused,
        },
        "outcome",
    )


def turn_metrics(server: TurnServer, driver: TurnDriver) -> Iterator[Metric]:
    """Of the TURN service."""
    counters, streams, forwarded = server.counters, driver.stream_counters, driver.forwarded
    yield Metric("zerogo_relay_allocations", "gauge", "Relayed addresses that are lent.", {"": server.allocations})
    yield Metric("zerogo_relay_users", "gauge", "Users on the books.", {"": server.users})
    yield Metric(
        "zerogo_relay_revocations",
        "gauge",
        "Users known to be served no longer, until their credentials would have ended.",
        {"": server.revocations},
    )
    yield Metric(
        "zerogo_relay_allocations_revoked_total",
        "counter",
        "Relayed addresses taken back from users that are served no longer.",
        {"": counters.revoked},
    )
    yield Metric("zerogo_relay_draining", "gauge", "Whether nothing new is lent.", {"": server.is_draining})
    yield Metric(
        "zerogo_relay_allocations_total",
        "counter",
        "Relayed addresses that were lent.",
        {"": driver.counters.allocated},
    )
    yield Metric(
        "zerogo_relay_datagrams_total",
        "counter",
        "Datagrams relayed.",
        {
            "to-peers": counters.to_peers + forwarded.to_peers,
            "to-clients": counters.to_clients + forwarded.to_clients,
        },
        "direction",
    )
    yield Metric(
        "zerogo_relay_bytes_total",
        "counter",
        "Bytes of payload relayed.",
        {
            "to-peers": counters.bytes_to_peers + forwarded.bytes_to_peers,
            "to-clients": counters.bytes_to_clients + forwarded.bytes_to_clients,
        },
        "direction",
    )
    yield Metric(
        "zerogo_relay_dropped_total",
        "counter",
        "Datagrams and messages that were not relayed.",
        {
            "unpermitted": counters.unpermitted,
            "bandwidth": counters.over_bandwidth + forwarded.over_bandwidth,
            "queue-full": counters.overflowed + forwarded.overflowed,
            "client-does-not-read": streams.dropped,
            "kernel": driver.counters.unsendable + forwarded.unsendable,
            "malformed": counters.malformed,
            "ignored": counters.ignored,
        },
        "reason",
    )
    yield from _refusal_metrics(server, driver)


def _refusal_metrics(server: TurnServer, driver: TurnDriver) -> Iterator[Metric]:
    counters, streams = server.counters, driver.stream_counters
    refusals = {str(int(code)): count for code, count in counters.refusals.items()}
    yield Metric("zerogo_relay_refusals_total", "counter", "Requests of users refused.", refusals, "code")
    yield Metric(
        "zerogo_relay_challenges_total",
        "counter",
        "Requests without proof.",
        {"challenged": counters.challenged, "limited": counters.limited},
        "outcome",
    )
    yield Metric(
        "zerogo_relay_connections_closed_total",
        "counter",
        "Connections of clients that were turned away.",
        {"too-many": streams.refused, "malformed": streams.malformed, "idle": streams.idle},
        "reason",
    )
