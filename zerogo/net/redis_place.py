# -*- test-case-name: integration.test_controllers -*-
"""Where Redis is, from its URL, and connections to it that are made anew when they are lost."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from txredisapi import RedisFactory  # type: ignore[import-untyped]

from zerogo.secret import Secret

PORT = 6379
CONNECT_SECONDS = 5.0
AGAIN_SECONDS = 0.2
AGAIN_LIMIT_SECONDS = 2.0
"""Between two attempts to connect, at first and at most."""


class RedisPlace:
    """A URL as in the configuration: `redis://`, `rediss://` or `unix://`."""

    def __init__(self, url: Secret, reactor: Any) -> None:
        self._place = urlsplit(url.reveal())
        self._reactor = reactor

    def connect(self, factory: Any) -> None:
        """Have a factory of txredisapi keep its connections up, with bytes for bytes."""
        place = self._place
        factory.charset, factory.convertNumbers = None, False
        factory.username, factory.password = (unquote(one) if one else None for one in (place.username, place.password))
        factory.initialDelay, factory.maxDelay = AGAIN_SECONDS, AGAIN_LIMIT_SECONDS
        factory.startConnecting(self._endpoint())

    def _endpoint(self) -> IStreamClientEndpoint:
        place = self._place
        if place.scheme == "unix":
            return UNIXClientEndpoint(self._reactor, unquote(place.path), timeout=int(CONNECT_SECONDS))
        host, port = place.hostname or "localhost", place.port or PORT
        plain = TCP4ClientEndpoint(self._reactor, host, port, timeout=int(CONNECT_SECONDS))
        return plain if place.scheme == "redis" else wrapClientTLS(optionsForClientTLS(host), plain)


def one_connection() -> Any:
    """A factory with a pool of one."""
    return RedisFactory("", None, 1, isLazy=True)
