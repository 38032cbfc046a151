# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys of `zerogo-relay`: tells agents their address as the internet sees it."""

from __future__ import annotations

from attrs import frozen

from zerogo.config.schema import option
from zerogo.config.values import LOG_FORMAT, LOG_LEVELS, SOCKET_ADDRESS, many
from zerogo.ids import SocketAddress


@frozen(kw_only=True)
class RelayConfig:
    """Keys and defaults of a relay."""

    listen: tuple[SocketAddress, ...] = option(
        many(SOCKET_ADDRESS),
        (SocketAddress("0.0.0.0", 3478), SocketAddress("::", 3478)),  # noqa: S104 - a server for all
    )
    """Addresses and UDP ports to answer on."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,relay=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
