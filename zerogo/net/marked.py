# -*- test-case-name: integration.test_peer_streams -*-
"""TCP connections whose packets carry the mark of what goes beside the mesh (`zerogo.net.kernel_routes`).

A machine that reaches the internet through a member would otherwise dial that member through itself. The mark has to be
on the socket before it connects, which Twisted's own endpoints leave no room for; a connected socket it takes over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IStreamClientEndpoint, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.ids import SocketAddress
from zerogo.net.proxy import CONNECT_SECONDS
from zerogo.routing.subnets import UNDERLAY_MARK


@implementer(IWriteDescriptor)
class _Attempt:
    """One connection that is about to be; the reactor is told to look when it can be written to."""

    def __init__(self, reactor: Any, factory: IProtocolFactory) -> None:
        self.done: Deferred[Any] = Deferred(lambda _: self._end())
        self._reactor = reactor
        self._factory = factory
        self._socket: socket.socket | None = None
        self._deadline: IDelayedCall | None = None

    def begin(self, place: SocketAddress) -> None:
        """Connect."""
        family = socket.AF_INET6 if place.is_ipv6 else socket.AF_INET
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, UNDERLAY_MARK)
            error = self._socket.connect_ex((place.host, place.port))
        except OSError as raised:
            error = raised.errno or errno.EIO
        if error not in (0, errno.EINPROGRESS):
            self._fail(ConnectError(error, os.strerror(error)))
            return
        self._deadline = self._reactor.callLater(CONNECT_SECONDS, self._fail, TimeoutError())
        self._reactor.addWriter(self)

    def fileno(self) -> int:
        """For the reactor."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "connection to a member"

    def doWrite(self) -> None:
        """It is connected, or failed."""
        assert self._socket is not None
        if self._fails():
            return
        try:
            transport = self._reactor.adoptStreamConnection(self.fileno(), self._socket.family, self._factory)
        except OSError as raised:
            self._fail(ConnectError(raised.errno, raised.strerror or ""))
            return
        self._end()
        self.done.callback(transport.protocol)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor found it broken, which is how a refusal shows."""
        if self._socket is not None and not self._fails():
            self._fail(ConnectError(None, reason.getErrorMessage()))

    def _fails(self) -> bool:
        """End with the kernel's word, if there is one."""
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._fail(ConnectError(error, os.strerror(error)))
        return bool(error)

    def _fail(self, error: BaseException) -> None:
        self._end()
        self.done.errback(Failure(error))

    def _end(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._socket is not None:
            # First: the reactor knows it by its number, which goes when it is closed.
            self._reactor.removeWriter(self)
            self._socket.close()
            self._socket = None


@implementer(IStreamClientEndpoint)
class MarkedEndpoint:
    """A place that is dialled beside the mesh, within `CONNECT_SECONDS` or not at all."""

    def __init__(self, reactor: Any, place: SocketAddress) -> None:
        self._reactor = reactor
        self._place = place

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Connect; cancelling gives up."""
        attempt = _Attempt(self._reactor, protocolFactory)
        attempt.begin(self._place)
        return attempt.done
