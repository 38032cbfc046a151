# -*- test-case-name: integration.test_controllers -*-
"""Short messages between controllers by Redis, PUBLISH and SUBSCRIBE, where there is one.

One connection listens and one sends; both are made anew when they are lost. What is sent meanwhile is lost, and
`on_gap` is called when one listens again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from txredisapi import RedisFactory, SubscriberFactory, SubscriberProtocol  # type: ignore[import-untyped]

from zerogo.secret import Secret

CHANNEL = "zerogo"
PORT = 6379
CONNECT_SECONDS = 5.0
WAITING_LIMIT = 2000
"""Messages sent and not confirmed; further ones are lost."""

_log = Logger()


class _Subscriber(SubscriberProtocol):  # type: ignore[misc]
    """The connection that listens."""

    def connectionMade(self) -> Any:
        made = super().connectionMade()
        made.addCallback(lambda _: self.subscribe(CHANNEL))
        made.addCallback(lambda _: self.factory.notices.began())
        made.addErrback(lambda failure: _log.debug("no word of other controllers: {reason}", reason=failure.value))
        return made

    def messageReceived(self, pattern: object, channel: object, message: object) -> None:
        if isinstance(message, bytes):
            self.factory.notices.received(message)


class RedisNotices:
    """Between `start` and `stop`."""

    def __init__(
        self, place: Secret, reactor: Any, receive: Callable[[bytes], object], on_gap: Callable[[], object]
    ) -> None:
        self._place = urlsplit(place.reveal())
        self._reactor = reactor
        self.received = receive
        self.began = on_gap
        self._waiting = 0
        self._sender: Any = None
        self._listener: Any = None

    def start(self) -> None:
        """Begin."""
        user, password = (unquote(text) if text else None for text in (self._place.username, self._place.password))
        self._sender = RedisFactory(
            "", None, 1, isLazy=True, charset=None, convertNumbers=False, password=password, username=user
        )
        self._listener = SubscriberFactory(isLazy=True)
        self._listener.protocol = _Subscriber
        self._listener.notices = self
        self._listener.charset, self._listener.convertNumbers = None, False
        self._listener.username, self._listener.password = user, password
        for factory in (self._sender, self._listener):
            factory.startConnecting(self._endpoint())

    def stop(self) -> Deferred[list[object]]:
        """Close both."""
        return gatherResults(
            [factory.disconnect() for factory in (self._sender, self._listener) if factory is not None],
            consumeErrors=True,
        )

    def publish(self, message: bytes) -> None:
        """Send to all who listen, ourselves too."""
        if self._waiting >= WAITING_LIMIT or not self._sender.size:
            return
        self._waiting += 1
        self._sender.handler.publish(CHANNEL, message).addBoth(self._sent)

    def _sent(self, result: object) -> None:
        self._waiting -= 1

    def _endpoint(self) -> IStreamClientEndpoint:
        place = self._place
        if place.scheme == "unix":
            return UNIXClientEndpoint(self._reactor, unquote(place.path), timeout=int(CONNECT_SECONDS))
        host, port = place.hostname or "localhost", place.port or PORT
        plain = TCP4ClientEndpoint(self._reactor, host, port, timeout=int(CONNECT_SECONDS))
        return plain if place.scheme == "redis" else wrapClientTLS(optionsForClientTLS(host), plain)
