# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys of `zerogo-relay`: tells agents their address as the internet sees it, and relays for those it knows."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from zerogo.config.schema import option, section
from zerogo.config.turn_values import ADDRESS_RANGE, CREDENTIAL, IP_ADDRESS, PORT_RANGE, Credential, PortRange
from zerogo.config.values import LOG_FORMAT, LOG_LEVELS, PATH, SOCKET_ADDRESS, integer, many, one_of, secret, text
from zerogo.ids import SocketAddress
from zerogo.policy.addresses import Network
from zerogo.secret import Secret

_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_EVERYWHERE = (SocketAddress("0.0.0.0", 3478), SocketAddress("::", 3478))  # noqa: S104 - a server for all
_NEXT_PORT = (SocketAddress("0.0.0.0", 3479), SocketAddress("::", 3479))  # noqa: S104


@frozen(kw_only=True)
class RelayQuota:
    """How much of the relay one user may have."""

    allocations: int = option(integer(1, 10000), 16)
    """Relayed addresses at a time."""
    permissions: int = option(integer(1, 10000), 1024)
    """Peer addresses, and as many channels, of one allocation: a member of a network takes a channel for each member
    that it meets here."""
    kilobytes_per_second: int = option(integer(1, 10_000_000, "kB/s"), 12500)
    """Relayed data of a user in both directions together."""
    total_allocations: int = option(integer(1, 60000), 4096)
    """Relayed addresses of all users together."""
    total_entries: int = option(integer(64, 100_000_000), 1_048_576)
    """Peer addresses and channels of all users together; each takes about 350 bytes of memory."""


@frozen(kw_only=True)
class RelayConfig:
    """Keys and defaults of a relay."""

    listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), _EVERYWHERE + _NEXT_PORT)
    """Addresses and UDP ports to answer on. It takes a second port to tell clients what kind of NAT they are behind
    (RFC 5780)."""
    auth_secret: Secret | None = option(
        secret(32, "make one with `openssl rand -hex 32`"), None, "file:/etc/zerogo/relay-secret"
    )
    """Shared with whoever gives out time-limited credentials: user name EXPIRY:USER, password
    base64(HMAC-SHA1(secret, user name)). With it, or with credentials, this is a TURN relay; without, it only tells
    addresses (STUN). At least 32 characters, or file:PATH of a file (mode 0600) that holds it."""
    credentials: tuple[Credential, ...] = option(many(CREDENTIAL), (), "alice:file:/etc/zerogo/alice-password")
    """Users, as USER:PASSWORD with at least 12 characters of password, or USER:file:PATH of a file (mode 0600) that
    holds it."""
    realm: str = option(text(_REALM, "a short name, as in relay.example.net"), "zerogo")
    """The realm of the credentials."""
    public_ip: tuple[str, ...] = option(many(IP_ADDRESS), (), '[203.0.113.7, "2001:db8::7"]')
    """The address that peers reach this relay at, one of each family; without it, the address that this machine sends
    from. Needed behind a NAT."""
    port_range: PortRange = option(PORT_RANGE, PortRange(49152, 65535))
    """UDP ports for relayed addresses."""
    allow_peers: tuple[Network, ...] = option(many(ADDRESS_RANGE), (), "[0.0.0.0/0]")
    """Peers that every user may send to. Without it, only peers that the holder of the secret has granted, and other
    users of this relay. A range such as 0.0.0.0/0 opens no private or otherwise special range within it: those must be
    named, as in 10.0.0.0/8."""
    tcp_listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), _EVERYWHERE)
    """Addresses and ports for TURN over TCP."""
    tls_listen: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (), '[0.0.0.0:443, "[::]:443"]')
    """Addresses and ports for TURN over TLS."""
    tls_certificate: Path | None = option(PATH, None, "/etc/zerogo/relay.crt")
    """The certificate for TLS (PEM), with those that it needs after it."""
    tls_key: Path | None = option(PATH, None, "/etc/zerogo/relay.key")
    """The private key of the certificate (PEM)."""
    quota: RelayQuota = section(RelayQuota)
    """Limits of one user, and of all."""
    data_plane: str = option(one_of(("auto", "native", "reference")), "auto")
    """What forwards the datagrams of permitted channels: native is a thread in Rust, reference is Python; auto takes
    native where it was built."""
    drain_seconds: int = option(integer(0, 3600, "seconds"), 5)
    """How long to go on for those who are relayed when the relay is stopped; nobody new is taken then."""
    alternate_server: tuple[SocketAddress, ...] = option(many(SOCKET_ADDRESS), (), "[203.0.113.8:3478]")
    """The relay that clients are sent to which come while this one is being stopped, one of each family."""
    metrics_listen: SocketAddress | None = option(SOCKET_ADDRESS, None, "127.0.0.1:9641")
    """Address and TCP port for Prometheus, which reads /metrics there; without it, nowhere. Whoever reaches it may read
    the figures."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,relay=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""

    @property
    def is_turn(self) -> bool:
        """Whether there is anybody to relay for."""
        return self.auth_secret is not None or bool(self.credentials)
