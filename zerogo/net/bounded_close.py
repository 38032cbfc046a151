# -*- test-case-name: zerogo.test.net.test_bounded_close -*-
"""A server's WebSocket that ends whether its peer reads or not.

Where the peer sends a Close, Autobahn answers it, takes the WebSocket for closed and leaves the connection to the
transport, which first writes what it holds: for ever, where the peer reads nothing. Whoever wants it broken off then is
told that it is closed already, and its place among all connections stays taken.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure


class BoundedClose(WebSocketServerProtocol):
    """What is to be written before the end is given `closeHandshakeTimeout` seconds, and none where it is aborted."""

    factory: Any
    transport: Any
    closeHandshakeTimeout: float
    _late: IDelayedCall | None = None

    def dropConnection(self, abort: bool = False) -> None:
        if abort and self.state == self.STATE_CLOSED:
            self.transport.abortConnection()
        else:
            super().dropConnection(abort)

    def _closeConnection(self, abort: bool = False) -> None:
        if not abort:
            self._late = self.factory.reactor.callLater(self.closeHandshakeTimeout, self.transport.abortConnection)
        super()._closeConnection(abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        super().connectionLost(reason)
