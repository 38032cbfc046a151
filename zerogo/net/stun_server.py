# -*- test-case-name: zerogo.test.net.test_stun_server -*-
"""Drives a STUN server on several UDP sockets, one of which may answer for another (RFC 5780). It keeps no state."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.datagram import DATAGRAM_BYTES_LIMIT, DatagramCounters
from zerogo.net.pump import guarded
from zerogo.stun.server import BindingResponder


class _Listener(DatagramProtocol):
    """One socket."""

    noisy = False

    def __init__(self, number: int, driver: StunDriver) -> None:
        self._number = number
        self._driver = driver

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        guarded("the STUN server", self._driver.received, datagram, addr, self._number)


class StunDriver:
    """All sockets of one server. `reactor` is IReactorTime and IReactorSocket."""

    def __init__(self, responder: BindingResponder, reactor: Any) -> None:
        self.counters = DatagramCounters()
        self._responder = responder
        self._reactor = reactor
        self._clock: IReactorTime = reactor
        self._listeners: list[_Listener] = []
        self._closers: list[Callable[[], Deferred[object]]] = []

    def listen_udp(self, opened: socket.socket) -> int:
        """Answer on an opened socket, which the reactor takes over; returns the number of the listener."""
        listener = _Listener(len(self._listeners), self)
        self._listeners.append(listener)
        port = self._reactor.adoptDatagramPort(opened.fileno(), opened.family, listener, DATAGRAM_BYTES_LIMIT)
        opened.close()
        assert isinstance(port, Port)
        self._closers.append(lambda: maybeDeferred(port.stopListening))
        return len(self._listeners) - 1

    def close(self) -> list[Deferred[object]]:
        """Close all sockets."""
        closing = [close() for close in self._closers]
        self._closers.clear()
        return closing

    def received(self, datagram: bytes, addr: tuple[str, int], number: int) -> None:
        """One datagram came to a listener."""
        try:
            source = SocketAddress.of(addr[0], addr[1])
        except ParseError:
            self.counters.unreadable_sources += 1
            return
        answer = self._responder.answer(datagram, source, number, self._clock.seconds())
        transport = None if answer is None else self._listeners[answer.listener].transport
        if answer is None or transport is None:
            return
        try:
            transport.write(answer.payload, (source.host, source.port))
        except OSError:
            self.counters.unsendable += 1
