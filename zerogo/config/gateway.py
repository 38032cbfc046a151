# -*- test-case-name: zerogo.test.config.test_exit_values -*-
"""The keys of `zerogo-gateway`: where users and edges come in, who they are, how an edge is chosen."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from zerogo.config.exit_values import EDGE_ID, LABEL, PASSWORD_HASH, USER_NAME
from zerogo.config.schema import option, sections
from zerogo.config.turn_values import ADDRESS_RANGE, IP_ADDRESS
from zerogo.config.values import (
    HOST_PORT,
    LOG_FORMAT,
    LOG_LEVELS,
    PATH,
    PORT,
    SOCKET_ADDRESS,
    SWITCH,
    integer,
    many,
    one_of,
    secret,
)
from zerogo.exit.choose import Policy
from zerogo.exit.grant import RouteMode
from zerogo.ids import SocketAddress
from zerogo.policy.addresses import Network
from zerogo.secret import Secret

_HASH = "'$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA'"
_RATE = integer(0, 999_999_999, "bytes per second; 0 is without limit")


@frozen(kw_only=True)
class GatewayUser:
    """A user of this gateway."""

    name: str = option(USER_NAME, "", "alice")
    """The name before the first hyphen of the user name."""
    password_hash: Secret | None = option(PASSWORD_HASH, None, _HASH)
    """Made by `zerogo exits password`."""
    upload: int = option(_RATE, 0)
    """Bytes per second of all streams together; 0 is without limit."""
    download: int = option(_RATE, 0)
    """Likewise."""
    streams: int = option(integer(0, 100_000), 1024)
    """At a time; 0 is without limit."""
    reply: str = option(one_of(("late", "early")), "late")
    """late: success is told when the exit has the connection. early: at once, which saves a round trip and costs SOCKS
    users the reason of a failure."""
    listen: bool = option(SWITCH, False)
    """Whether SOCKS BIND is allowed."""
    datagrams: bool = option(SWITCH, True)
    """Whether SOCKS UDP ASSOCIATE is allowed."""
    sources: tuple[Network, ...] = option(many(ADDRESS_RANGE), (), "[192.0.2.0/24]")
    """Where the user must come from; empty: anywhere."""
    zones: tuple[str, ...] = option(many(LABEL), (), "[home]")
    """Edges with one of these tags only; empty: all."""
    mode: str = option(one_of(tuple(RouteMode)), "auto")
    """auto: a new choice for each stream. manual: the edge of `edge`. timed: one edge for some minutes. custom: an edge
    of the user's own. polling: all in turn."""
    edge: str = option(EDGE_ID, "", "abcdefghijklmnop")
    """The edge of the mode manual."""
    minutes: int = option(integer(1, 1440), 10)
    """Of the mode timed."""


@frozen(kw_only=True)
class GatewayConfig:
    """Keys and defaults of a gateway."""

    listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (SocketAddress("127.0.0.1", 1080),))
    """Where users come in, by SOCKS5 and HTTP alike."""
    socks_listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (), "0.0.0.0:1081")
    """Where only SOCKS5 is spoken."""
    http_listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (), "0.0.0.0:8080")
    """Where only the HTTP proxy is spoken."""
    edge_listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (SocketAddress("0.0.0.0", 9396),))  # noqa: S104
    """Where edges dial in."""
    edge_certificate: Path | None = option(PATH, None, "/etc/zerogo/gateway.crt")
    """With it and its key, edges dial in by TLS (PEM, the chain after it). Tunnels are sealed either way; this makes
    them look like any other https. Edges must trust its authority, and find the name in public-addresses in it."""
    edge_key: Path | None = option(PATH, None, "/etc/zerogo/gateway.key")
    """The private key of the certificate (PEM)."""
    public_addresses: tuple[str, ...] = option(many(HOST_PORT), (), "[gateway.example.net:9396]")
    """How edges reach this gateway: what stands in the edge token. Without it, this machine's main address."""
    datagram_address: str = option(IP_ADDRESS, "", "203.0.113.7")
    """What users of UDP are told to send to, where that is not the address that they connect to (behind a NAT)."""
    balancers: tuple[str, ...] = option(many(IP_ADDRESS), (), "[192.0.2.10]")
    """Load balancers, which begin each connection with a PROXY protocol header of version 2."""
    users: tuple[GatewayUser, ...] = sections(GatewayUser, f"{{name: alice, password-hash: {_HASH}, download: 0}}")
    """Who may use the exits."""
    open_to: tuple[Network, ...] = option(many(ADDRESS_RANGE), (), "[127.0.0.1/32]")
    """Addresses whose users need no password, all under the name anonymous. Never a range that strangers are in."""
    controller: Secret | None = option(
        secret(32, "take the one that `zerogo exits gateways token` prints at the controller"),
        None,
        "file:/etc/zerogo/gateway-token",
    )
    """The gateway token of a controller, needed once, or file:PATH of a file (mode 0600) that holds it: users, edges
    and limits then come from there. Users of this file stay as well."""
    name: str = option(LABEL, "", "fra1")
    """What this gateway is called."""
    region: str = option(LABEL, "", "eu")
    """Where it is: edges of the same region come here first."""
    edges: int = option(integer(1, 60_000), 50_000)
    """At a time."""
    served_hours: int = option(integer(0, 24 * 90), 24)
    """For how long the controller's users are served while it is away."""
    policy: str = option(one_of(tuple(Policy)), "p2c-peak-ewma")
    """How an edge is chosen for a stream."""
    denied_edges: tuple[str, ...] = option(many(EDGE_ID), (), "[abcdefghijklmnop]")
    """Edges that are not taken, though they know the token."""
    denied_addresses: tuple[Network, ...] = option(many(ADDRESS_RANGE), (), "[192.0.2.0/24]")
    """Addresses from which neither users nor edges are taken."""
    idle_minutes: int = option(integer(1, 1440), 30)
    """A stream on which nothing passed for so long is closed."""
    connections: int = option(integer(1, 1_000_000), 20_000)
    """Of users, at a time."""
    connections_per_address: int = option(integer(1, 1_000_000), 4096)
    """Of users who come from one address, at a time."""
    drain_seconds: int = option(integer(0, 3600, "seconds"), 5)
    """How long streams may go on when the gateway is stopped; nothing new is taken then."""
    state_dir: Path = option(PATH, Path("/var/lib/zerogo/gateway"))
    """Where the gateway's key and the secret of its edge token are kept."""
    metrics_listen: SocketAddress | None = option(SOCKET_ADDRESS, None, "127.0.0.1:9643")
    """Address and TCP port for Prometheus, which reads /metrics there; without it, nowhere. Whoever reaches it may read
    the figures."""
    diagnostics_port: int = option(PORT, 0)
    """The port of the local diagnostics (/stacks, /memory, /counters), on 127.0.0.1 only; 0: none."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,exit=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
