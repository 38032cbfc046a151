# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys of `zerogo-controller`: members, addresses, policy."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from zerogo.config.schema import option, section
from zerogo.config.values import (
    DATABASE,
    HOST_PORT,
    LOG_FORMAT,
    LOG_LEVELS,
    NODE_NAME,
    PATH,
    SOCKET_ADDRESS,
    integer,
    many,
    one_of,
    prefix,
    secret,
)
from zerogo.ids import SocketAddress
from zerogo.secret import Secret


@frozen(kw_only=True)
class NetworkDefaults:
    """What a new network gets where its creator says nothing."""

    name: str = option(NODE_NAME, "home")
    """The name of the network that the first start makes."""
    ipv4: str | None = option(prefix(4, 8, 30), None, "10.66.0.0/16")
    """The range that members' IPv4 addresses come from; without it, a random one of 4,094 in 10.0.0.0/8, so that two
    networks seldom collide on a machine that is in both."""
    ipv6: str | None = option(prefix(6, 32, 120), None, "fd12:3456:789a::/64")
    """The range of IPv6 addresses; without it, a random one of the kind fd00::/8 (RFC 4193)."""
    mtu: int = option(integer(1280, 9000, "bytes"), 1400)
    """Bytes of a frame after its Ethernet header."""
    approval: str = option(one_of(("automatic", "manual")), "automatic")
    """Whether a machine with a valid join token is a member at once, or waits until `zerogo members approve`."""


@frozen(kw_only=True)
class ControllerConfig:
    """Keys and defaults of a controller."""

    listen: SocketAddress = option(SOCKET_ADDRESS, SocketAddress("0.0.0.0", 9394))  # noqa: S104 - a server for all
    """Address and port for agents and the REST API."""
    public_addresses: tuple[str, ...] = option(many(HOST_PORT), (), "[controller.example.net:9394]")
    """How agents reach this controller: goes into join tokens. Without it, this machine's own addresses."""
    database: Path | None = option(DATABASE, None, "/var/lib/zerogo/controller/controller.db")
    """The SQLite file; without it, controller.db in the state directory."""
    jwt_secret: Secret | None = option(
        secret(32, "make one with `openssl rand -hex 32`"), None, "file:/etc/zerogo/jwt-secret"
    )
    """Signs the API's tokens: at least 32 characters, or file:PATH of a file (mode 0600) that holds it. Without it, the
    controller makes one and keeps it in the state directory."""
    relay_port: int = option(integer(0, 65534), 3478)
    """The UDP port of the relay on this machine, which tells members their own outer address (STUN) there and on the
    port after it; 0: none."""
    stun_servers: tuple[str, ...] = option(many(HOST_PORT), (), "[stun.example.net:3478]")
    """Further STUN servers for members."""
    network: NetworkDefaults = section(NetworkDefaults)
    """What a new network gets where its creator says nothing."""
    state_dir: Path = option(PATH, Path("/var/lib/zerogo/controller"))
    """Where the controller's keys and its database are kept (mode 0700)."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,store=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
