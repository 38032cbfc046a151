# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys of `zerogo-controller`: members, addresses, policy."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from zerogo.config.oidc import OidcConfig
from zerogo.config.schema import option, section, sections
from zerogo.config.tor_values import TOR_CONTROL
from zerogo.config.turn_values import KEY_PIN, RELAY_HOST, RELAY_NAME
from zerogo.config.values import (
    ADDRESS_RANGE,
    DATABASE,
    HOST_PORT,
    LOG_FORMAT,
    LOG_LEVELS,
    NODE_NAME,
    PATH,
    PORT,
    REDIS,
    SOCKET_ADDRESS,
    SWITCH,
    URL,
    integer,
    many,
    one_of,
    prefix,
    secret,
)
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

_RELAY_SECRET = secret(32, "take the one of the relay, which `openssl rand -hex 32` makes")


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
class RelayEntry:
    """A relay that members may use."""

    name: str = option(RELAY_NAME, "", "frankfurt")
    """A short name that stays the same, which every relay has of its own."""
    host: str = option(RELAY_HOST, "", "relay.example.net")
    """Its name or address; without it, this controller's."""
    auth_secret: Secret | None = option(_RELAY_SECRET, None, "file:/etc/zerogo/relay-secret")
    """The auth-secret of that relay, at least 32 characters, or file:PATH of a file (mode 0600) that holds it. Without
    it, members only ask the relay for their own address (STUN)."""
    udp: int = option(integer(0, 65534), 3478)
    """Its UDP port; STUN answers there and on the port after it; 0: none."""
    tcp: int = option(PORT, 3478)
    """Its TCP port; 0: none."""
    tls: int = option(PORT, 0)
    """Its TLS port; 0: none."""
    tls_pin: bytes | None = option(KEY_PIN, None, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    """SHA-256 of the public key of its certificate, where no public authority has signed that for the host."""


@frozen(kw_only=True)
class ControllerConfig:
    """Keys and defaults of a controller."""

    listen: SocketAddress = option(SOCKET_ADDRESS, SocketAddress("0.0.0.0", 9394))  # noqa: S104 - a server for all
    """Address and port for agents and the REST API."""
    tls_listen: SocketAddress | None = option(SOCKET_ADDRESS, None, "0.0.0.0:9443")
    """Address and port for agents, the REST API and the dashboard over TLS; without it, nowhere: then browsers need a
    proxy with TLS, or local-browsers."""
    tls_certificate: Path | None = option(PATH, None, "/etc/zerogo/controller.crt")
    """The certificate for TLS (PEM), with those that it needs after it."""
    tls_key: Path | None = option(PATH, None, "/etc/zerogo/controller.key")
    """The private key of the certificate (PEM)."""
    local_browsers: bool = option(SWITCH, False)
    """Whether browsers on this machine may log in at http://localhost, without TLS. Their cookie then goes to every
    program that listens on this machine and that the browser visits."""
    browser_origins: tuple[str, ...] = option(many(URL), (), "[https://zerogo.example.net]")
    """Further origins whose pages may use the API with a browser's session: needed behind a proxy that does not pass
    on Host."""
    trusted_proxies: tuple[str, ...] = option(many(ADDRESS_RANGE), (), "[127.0.0.1, 10.0.0.0/24]")
    """Proxies in front of the controller, addresses or ranges: requests and connections of agents come from where these
    say in X-Forwarded-For, by which they are counted and guesses of passwords are slowed. Without it, all who come by a
    proxy count as one."""
    web_static: Path | None = option(PATH, None, "/usr/share/zerogo/web-static")
    """The dashboard's files; without it, those that were installed with ZeroGo."""
    public_addresses: tuple[str, ...] = option(many(HOST_PORT), (), "[controller.example.net:9394]")
    """How agents reach this controller, and others of the same database: goes into join tokens, and members are told
    it, so that they find all controllers. Without it, join tokens hold this machine's own addresses."""
    onion: str | None = option(TOR_CONTROL, None, "/run/tor/control")
    """Publish this controller as an onion service by the Tor of this machine, whose control port this is: the path of
    its socket, or HOST:PORT. Agents then need no way to this machine but Tor, and join tokens name the service."""
    database: Path | Secret | None = option(DATABASE, None, "/var/lib/zerogo/controller/controller.db")
    """The SQLite file, or postgresql://USER@HOST/NAME; without it, controller.db in the state directory. A password is
    better kept in ~/.pgpass, where PostgreSQL's own programs find it too."""
    redis: Secret | None = option(REDIS, None, "redis://127.0.0.1:6379")
    """Where several controllers use one PostgreSQL database: the Redis server by which they tell each other what
    changed, and in which they keep what exits have to agree on, redis://HOST:PORT/DATABASE (a number, 0 if left out),
    rediss:// likewise or unix:///PATH; without it, PostgreSQL does the first too, and the second holds for each
    controller's gateways only."""
    metrics_listen: SocketAddress | None = option(SOCKET_ADDRESS, None, "127.0.0.1:9642")
    """Address and TCP port for monitoring: /metrics for Prometheus, /health and /ready; without it, nowhere. Whoever
    reaches it may read the figures."""
    jwt_secret: Secret | None = option(
        secret(32, "make one with `openssl rand -hex 32`"), None, "file:/etc/zerogo/jwt-secret"
    )
    """Signs the API's tokens: at least 32 characters, or file:PATH of a file (mode 0600) that holds it. Without it, the
    controller makes one and keeps it in the state directory."""
    relay_port: int = option(integer(0, 65534), 3478)
    """The UDP and TCP port of the relay on this machine, which tells members their own outer address (STUN) there and
    on the UDP port after it; 0: none."""
    relay_secret: Secret | None = option(_RELAY_SECRET, None, "file:/etc/zerogo/relay-secret")
    """The auth-secret of the relay on this machine, so that members get credentials for it; at least 32 characters, or
    file:PATH of a file (mode 0600) that holds it. Without it, they only ask it for their address."""
    relay_tls_port: int = option(PORT, 0)
    """The port on which the relay on this machine speaks TLS; 0: it does not."""
    relay_tls_pin: bytes | None = option(
        KEY_PIN, None, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    )
    """SHA-256 of the public key of that relay's certificate, where no public authority has signed it."""
    relays: tuple[RelayEntry, ...] = sections(
        RelayEntry, "{name: frankfurt, host: relay.example.net, auth-secret: file:/etc/zerogo/frankfurt-secret }"
    )
    """Relays on other machines that members may use."""
    stun_servers: tuple[str, ...] = option(many(HOST_PORT), (), "[stun.example.net:3478]")
    """Further STUN servers for members."""
    oidc: OidcConfig = section(OidcConfig)
    """Logging in by another site's accounts (OpenID Connect)."""
    network: NetworkDefaults = section(NetworkDefaults)
    """What a new network gets where its creator says nothing."""
    exit_audit_days: int = option(integer(1, 3660, "days"), 30)
    """How long it is kept which user of the exits went where by which edge."""
    flow_log_days: int = option(integer(1, 3660, "days"), 7)
    """How long policy decisions are kept, of networks that keep a log of them."""
    state_dir: Path = option(PATH, Path("/var/lib/zerogo/controller"))
    """Where the controller's keys and its database are kept (mode 0700)."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,store=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
