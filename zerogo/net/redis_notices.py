# -*- test-case-name: integration.test_controllers -*-
"""Short messages between controllers by Redis, PUBLISH and SUBSCRIBE, where there is one.

One connection listens and one sends; both are made anew when they are lost. What is sent meanwhile is lost, and
`on_gap` is called when one listens again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from txredisapi import SubscriberFactory, SubscriberProtocol  # type: ignore[import-untyped]

from zerogo.net.redis_place import RedisPlace, one_connection
from zerogo.secret import Secret

CHANNEL = "zerogo"
WAITING_LIMIT = 2000
"""Messages sent and not confirmed; further ones are lost."""

_log = Logger()


class _Subscriber(SubscriberProtocol):  # type: ignore[misc]
    """The connection that listens."""

    def connectionMade(self) -> Any:
        ready = self.whenConnected()
        ready.addCallback(lambda _: self.subscribe(CHANNEL))
        ready.addCallback(lambda _: self.factory.notices.began())
        ready.addErrback(lambda failure: _log.debug("no word of other controllers: {reason}", reason=failure.value))
        return super().connectionMade()

    def messageReceived(self, pattern: object, channel: object, message: object) -> None:
        if isinstance(message, bytes):
            self.factory.notices.received(message)


class RedisNotices:
    """Between `start` and `stop`."""

    def __init__(
        self, place: Secret, reactor: Any, receive: Callable[[bytes], object], on_gap: Callable[[], object]
    ) -> None:
        self._place = RedisPlace(place, reactor)
        self.received = receive
        self.began = on_gap
        self._waiting = 0
        self._sender: Any = None
        self._listener: Any = None

    def start(self) -> None:
        """Begin."""
        self._sender = one_connection()
        self._listener = SubscriberFactory(isLazy=True)
        self._listener.protocol = _Subscriber
        self._listener.notices = self
        for factory in (self._sender, self._listener):
            self._place.connect(factory)

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
