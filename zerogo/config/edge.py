# -*- test-case-name: zerogo.test.config.test_exit_values -*-
"""The keys of `zerogo-edge`: whose traffic leaves here, and what its owner allows."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from zerogo.config.exit_values import COUNTRY, HOURS, LABEL, RULE
from zerogo.config.schema import option
from zerogo.config.turn_values import ADDRESS_RANGE
from zerogo.config.values import LOG_FORMAT, LOG_LEVELS, PATH, PORT, SOCKET_ADDRESS, SWITCH, integer, many, secret
from zerogo.exit.exit_policy import Rule
from zerogo.exit.owner_limits import Hours
from zerogo.ids import SocketAddress
from zerogo.policy.addresses import Network
from zerogo.secret import Secret


@frozen(kw_only=True)
class EdgeConfig:
    """Keys and defaults of an edge."""

    token: Secret | None = option(
        secret(32, "take the one that `zerogo exits token` prints at the gateway"), None, "file:/etc/zerogo/edge-token"
    )
    """The edge token of the gateway, needed once, or file:PATH of a file (mode 0600) that holds it."""
    name: str = option(LABEL, "", "kiel")
    """What this edge is called in lists and logs."""
    country: str = option(COUNTRY, "", "de")
    """Where it is, for users who ask for a place."""
    region: str = option(LABEL, "", "north")
    """Likewise."""
    city: str = option(LABEL, "", "kiel")
    """Likewise."""
    asn: int = option(integer(0, 999_999_999), 0, "3320")
    """The number of the network that it is in; 0: not told."""
    tags: tuple[str, ...] = option(many(LABEL), (), "[home]")
    """Words that users may ask for as `zone`."""
    rules: tuple[Rule, ...] = option(many(RULE), (), '["reject example.net:*", "reject *:22"]')
    """What leaves here, first match wins: accept or reject, then WHERE:PORTS, where WHERE is *, an address, a range or
    a domain. After these come the defaults: no mail (25), no Windows shares, no databases, no remote desktops."""
    open_ranges: tuple[Network, ...] = option(many(ADDRESS_RANGE), (), "[10.20.0.0/16]")
    """Private or special ranges that users may reach. Without it, none: not your router, not your printer."""
    datagrams: bool = option(SWITCH, True)
    """Whether UDP leaves here."""
    listen: bool = option(SWITCH, False)
    """Whether users may have one connection come in (SOCKS BIND)."""
    streams: int = option(integer(1, 65536), 1024)
    """At a time."""
    monthly_gigabytes: int = option(integer(0, 1_000_000), 0)
    """What a calendar month (UTC) may carry, in both directions together; 0 is without limit."""
    megabits: int = option(integer(0, 1_000_000), 0)
    """How fast all streams together may be, in each direction, Mbit/s; 0 is without limit."""
    hours: tuple[Hours, ...] = option(many(HOURS), (), '["22:00-06:30"]')
    """When streams are taken, times of the day in UTC; empty: always. At the end of an hour all streams end."""
    status_port: int = option(PORT, 9397)
    """The port of the status page, on 127.0.0.1 only; 0: none."""
    identity: Path | None = option(PATH, None, "/var/lib/zerogo/agent/identity.key")
    """A file that holds the key, such as that of this machine's agent: the machine is then the same node in its network
    and as an exit. Without it, a key of the edge's own in state-dir."""
    metrics_listen: SocketAddress | None = option(SOCKET_ADDRESS, None, "127.0.0.1:9644")
    """Address and TCP port for Prometheus, which reads /metrics there; without it, nowhere. Whoever reaches it may read
    the figures."""
    state_dir: Path = option(PATH, Path("/var/lib/zerogo/edge"))
    """Where the edge's key and its token are kept."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,exit=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
