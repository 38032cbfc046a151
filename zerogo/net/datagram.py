# -*- test-case-name: zerogo.test.net.test_datagram -*-
"""UDP sockets for protocol cores that live in the reactor: a relay's STUN service.

Not for an agent's data socket, which a data plane reads. A socket is opened by itself and then adopted by the reactor,
so that it can be opened while the process still has its privileges, and so that an IPv6 socket takes IPv6 only, which
`listenUDP` leaves to the system's default.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from typing import Protocol

from attrs import define
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorSocket, IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port

from zerogo.core import Transmit
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.ids import SocketAddress
from zerogo.net.pump import Pump, PumpedCore

RECEIVE_BUFFER_BYTES = 1 << 20
DATAGRAM_BYTES_LIMIT = 2048
"""Longer datagrams are cut by the kernel; no STUN message is as long."""


class AddressRefused(EnvironmentFault):
    """A socket cannot be opened at an address."""

    code = "E-UDP-LISTEN"

    def __init__(self, address: SocketAddress, error: OSError, protocol: str = "UDP") -> None:
        self.address = address
        self.is_unsupported = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
        """Whether this machine has no such family or address, as opposed to not being allowed to use it."""
        super().__init__(f"cannot listen on {protocol} {address}: {error.strerror}")


class DatagramCore(PumpedCore[object], Protocol):
    """What the driver needs of a core."""

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None: ...

    def transmits(self) -> Iterator[Transmit]: ...


@define
class DatagramCounters:
    """Of one socket, what the core does not see."""

    unreadable_sources: int = 0
    """From an address that no answer could be sent to, such as a link-local one with its zone."""
    unsendable: int = 0
    """The kernel refused to send."""


def open_udp_socket(address: SocketAddress) -> socket.socket:
    """A bound, non-blocking socket; port 0 takes a free one. Raises `AddressRefused`."""
    try:
        opened = socket.socket(socket.AF_INET6 if address.is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:
        raise AddressRefused(address, error) from error
    try:
        opened.setblocking(False)
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        opened.bind((address.host, address.port))
    except OSError as error:
        opened.close()
        raise AddressRefused(address, error) from error
    return opened


class DatagramDriver(DatagramProtocol):
    """Feeds one core from one socket, and sends what the core wants sent."""

    noisy = False

    def __init__(
        self, core: DatagramCore, clock: IReactorTime, on_event: Callable[[object], object] = lambda event: None
    ) -> None:
        self.counters = DatagramCounters()
        self._core = core
        self._pump: Pump[object, Transmit] = Pump(
            core, clock, outputs=core.transmits, send=self._send, on_event=on_event
        )

    def call(self, verb: Callable[..., object], *arguments: object) -> None:
        """Call a verb of the core with `arguments` and the time, then do what the core asks for."""
        self._pump.call(verb, *arguments)

    def _send(self, transmit: Transmit) -> None:
        destination = transmit.destination
        if self.transport is None or not isinstance(destination, SocketAddress):
            return
        try:
            self.transport.write(transmit.payload, (destination.host, destination.port))
        except OSError:
            self.counters.unsendable += 1

    def stopProtocol(self) -> None:
        """The socket is closed."""
        self._pump.stop()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """One datagram."""
        try:
            source = SocketAddress.of(addr[0], addr[1])
        except ParseError:
            self.counters.unreadable_sources += 1
            return
        self._pump.call(self._core.receive_datagram, datagram, source)


def listen(opened: socket.socket, driver: DatagramDriver, reactor: IReactorSocket) -> Callable[[], Deferred[object]]:
    """Have the reactor read an opened socket, which it takes over; returns what closes it again."""
    port = reactor.adoptDatagramPort(opened.fileno(), opened.family, driver, DATAGRAM_BYTES_LIMIT)
    opened.close()
    assert isinstance(port, Port)
    return lambda: maybeDeferred(port.stopListening)
