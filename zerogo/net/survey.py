# -*- test-case-name: integration.netns.test_netcheck -*-
"""Drives a survey of the NAT (`zerogo.reach.survey`) from sockets of its own, which send with DF set."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from zerogo.core import RandomBytes
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.pump import Pump
from zerogo.reach.survey import Socket, Survey, SurveyDone, SurveyResult, SurveyTransmit

DATAGRAM_BYTES_LIMIT = 2048
_DF = {
    # linux/in.h, linux/in6.h: IP_MTU_DISCOVER = IP_PMTUDISC_PROBE sets DF and sends what the kernel believes too long.
    socket.AF_INET: (socket.IPPROTO_IP, 10, 3),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 23, 3),
}


class _Ear(DatagramProtocol):
    noisy = False

    def __init__(self, owner: SurveyDriver, number: Socket) -> None:
        self._owner = owner
        self._number = number

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        try:
            source = SocketAddress.of(addr[0], addr[1])
        except ParseError:
            return
        self._owner.received(datagram, self._number, source)

    def connectionRefused(self) -> None:
        """No server there; the core finds out by silence."""


class SurveyDriver:
    """One survey. `run` gives the result; sockets that this machine refuses are missing in it."""

    def __init__(
        self, reactor: Any, servers: Sequence[SocketAddress], rng: RandomBytes, *, host: str | None, host6: str | None
    ) -> None:
        """`host` and `host6` are our own addresses, as sockets are bound to them; None where there is none."""
        self._reactor = reactor
        self._ports: dict[Socket, Any] = {}
        locals_ = {}
        for number in Socket:
            own = host6 if number is Socket.SIX else host
            address = None if own is None else self._open(number, own)
            if address is not None:
                locals_[number] = address
        self._core = Survey(servers, locals_, rng)
        self._pump: Pump[SurveyDone, SurveyTransmit] = Pump(
            self._core, reactor, outputs=self._core.transmits, send=self._send, on_event=self._done
        )
        self._result: Deferred[SurveyResult] = Deferred()

    def run(self) -> Deferred[SurveyResult]:
        """Ask, and have the result within two seconds."""
        self._pump.call(self._core.start)
        return self._result

    def received(self, data: bytes, number: Socket, source: SocketAddress) -> None:
        """A datagram came to a socket."""
        self._pump.call(self._core.receive_datagram, data, number, source)

    def _open(self, number: Socket, host: str) -> SocketAddress | None:
        try:
            opened = open_udp_socket(SocketAddress(host, 0))
        except AddressRefused:
            return None
        with opened:
            try:
                opened.setsockopt(*_DF[socket.AddressFamily(opened.family)])
            except OSError as error:
                raise EnvironmentFault(f"the kernel does not set DF: {error.strerror}") from error
            self._ports[number] = self._reactor.adoptDatagramPort(
                opened.fileno(), opened.family, _Ear(self, number), DATAGRAM_BYTES_LIMIT
            )
            return SocketAddress.of(*opened.getsockname()[:2])

    def _send(self, transmit: SurveyTransmit) -> None:
        try:
            self._ports[transmit.socket].write(transmit.payload, (transmit.destination.host, transmit.destination.port))
        except OSError:
            # Too long for our own link, or no route: silence says as much.
            return

    def _done(self, event: SurveyDone) -> None:
        self._pump.stop()
        for port in self._ports.values():
            port.stopListening()
        self._result.callback(self._core.result())
