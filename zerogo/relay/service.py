# -*- test-case-name: zerogo.test.relay.test_service -*-
"""The sockets of a relay: opened with privileges, read without, closed at the end.

All sockets share one limiter and one set of counters, so a source has one rate however many addresses it asks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, DatagramDriver, listen, open_udp_socket
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.server import ANSWERS_BURST, ANSWERS_PER_SECOND, BindingResponder, ResponderCounters


class RelayService(Service):
    """Answers STUN on the addresses of the configuration. `reactor` is IReactorTime and IReactorSocket."""

    log = Logger()

    def __init__(self, config: RelayConfig, reactor: Any) -> None:
        self.counters = ResponderCounters()
        self._config = config
        self._reactor = reactor
        self._limiter = SourceLimiter(ANSWERS_PER_SECOND, ANSWERS_BURST)
        self._opened: list[socket.socket] = []
        self._closers: list[Callable[[], Deferred[object]]] = []

    def privilegedStartService(self) -> None:
        """Open the sockets; raises `AddressRefused` where an address is taken, or where none can be used."""
        refused: AddressRefused | None = None
        for address in self._config.listen:
            try:
                self._opened.append(open_udp_socket(address))
            except AddressRefused as error:
                if not error.is_unsupported:
                    self._close_opened()
                    raise
                self.log.warn("{reason}; going on without", reason=str(error))
                refused = error
        if refused is not None and not self._opened:
            raise refused

    def startService(self) -> None:
        """Begin to answer."""
        super().startService()  # type: ignore[no-untyped-call]
        for opened in self._opened:
            host, port = opened.getsockname()[:2]
            driver = DatagramDriver(BindingResponder(self._limiter, self.counters), self._reactor)
            self._closers.append(listen(opened, driver, self._reactor))
            self.log.info("answering STUN on UDP {address}", address=str(SocketAddress.of(host, port)))
        self._opened.clear()

    def stopService(self) -> Deferred[object]:
        """Close the sockets."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._close_opened()
        closing: Deferred[Any] = DeferredList([close() for close in self._closers])
        self._closers.clear()
        self.log.info(
            "answered {answered}, over the rate {limited}, not STUN {malformed}, other {refused}",
            answered=self.counters.answered,
            limited=self.counters.limited,
            malformed=self.counters.malformed,
            refused=self.counters.refused,
        )
        return closing

    def _close_opened(self) -> None:
        for opened in self._opened:
            opened.close()
        self._opened.clear()
