# -*- test-case-name: zerogo.test.net.test_redis_place -*-
"""Where Redis is, from its URL, and connections to it that are made anew when they are lost, or refused.

txredisapi gives up for good when a connection does not get past AUTH or SELECT, be it only that Redis went away or was
still loading. Nobody would connect it again, so here only `disconnect` ends the attempts; between them it backs off.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from txredisapi import RedisFactory  # type: ignore[import-untyped]

from zerogo.secret import Secret

PORT = 6379
CONNECT_SECONDS = 5.0
AGAIN_SECONDS = 0.2
AGAIN_LIMIT_SECONDS = 2.0
"""Between two attempts to connect, at first and at most."""
TELL_SECONDS = 60.0
"""Between two lines in the log of one kind."""

_log = Logger(namespace="zerogo.controller.redis")


class RedisPlace:
    """A URL as in the configuration: `redis://`, `rediss://` or `unix://`, the former with the number of a database."""

    def __init__(self, url: Secret, reactor: Any) -> None:
        self._place = urlsplit(url.reveal())
        self._reactor = reactor
        self._is_told = Seldom(reactor)

    def connect(self, factory: Any) -> None:
        """Have a factory of txredisapi keep its connections up, with bytes for bytes."""
        place = self._place
        factory.charset, factory.convertNumbers = None, False
        factory.username, factory.password = (unquote(one) if one else None for one in (place.username, place.password))
        factory.dbid = _database(place)
        factory.stopTrying = _go_on_trying
        factory.connectionError, factory.isLazy = self._refused, False
        factory.initialDelay, factory.maxDelay = AGAIN_SECONDS, AGAIN_LIMIT_SECONDS
        factory.startConnecting(self._endpoint())

    def _refused(self, why: str) -> None:
        if self._is_told.may():
            _log.warn("Redis does not let the controller in, which tries again: {reason}", reason=why[:200])

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


class Seldom:
    """Whether something is to be said in the log again: at first, then after `TELL_SECONDS`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._again_at: float | None = None

    def may(self) -> bool:
        """Whether it is; if so, the time begins anew."""
        now = self._clock.seconds()
        if self._again_at is not None and now < self._again_at:
            return False
        self._again_at = now + TELL_SECONDS
        return True


def _database(place: SplitResult) -> int | None:
    """Its number; None: that of the server's choice, the first one."""
    number = "" if place.scheme == "unix" else place.path.strip("/")
    return int(number) if number else None


def _go_on_trying() -> Deferred[None]:
    """Instead of giving up."""
    return succeed(None)
