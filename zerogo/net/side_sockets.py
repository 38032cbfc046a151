# -*- test-case-name: zerogo.test.net.test_side_sockets -*-
"""Side sockets: UDP sockets beside the data socket, open for a few seconds while a hard NAT is being got through.

The mesh core asks for some of them, a data plane takes over the few that turn out to carry a path, the others are
closed. The reactor reads them meanwhile; each is known by a number that is never used twice. Where the process may not
open as many as are wanted, those that it may must do.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.ids import SideAddress, SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.pump import guarded
from zerogo.routing.subnets import UNDERLAY_MARK

SOCKETS_LIMIT = 320
"""Open at a time; a fan has 256."""
DATAGRAM_BYTES_LIMIT = 2048
READS_LIMIT = 16
"""Datagrams of one socket before others have their turn."""
_ANY = SocketAddress("0.0.0.0", 0)  # noqa: S104 the peer's probes come by whatever interface leads outside

Receiver = Callable[[bytes, SideAddress], object]
"""Takes a datagram and where it came from."""


@implementer(IReadDescriptor)
@define(eq=False)
class _SideSocket:
    number: int
    socket: socket.socket
    _on_datagram: Receiver

    def fileno(self) -> int:
        return self.socket.fileno()

    def doRead(self) -> None:
        for _ in range(READS_LIMIT):
            try:
                data, address = self.socket.recvfrom(DATAGRAM_BYTES_LIMIT)
                source = SideAddress(self.number, SocketAddress.of(address[0], address[1]))
            except (OSError, ParseError):
                return
            guarded("a side socket", self._on_datagram, data, source)
            if self.socket.fileno() < 0:
                return

    def connectionLost(self, reason: Failure) -> None:
        self.socket.close()

    def logPrefix(self) -> str:
        return "side socket"


@define(eq=False)
class SideSockets:
    """Those of one segment."""

    _reactor: IReactorFDSet
    _on_datagram: Receiver
    unsendable: int = field(default=0, init=False)
    """Datagrams that the kernel did not take."""
    _open: dict[int, _SideSocket] = field(factory=dict, init=False)
    _last_number: int = field(default=0, init=False)

    def open(self, count: int) -> list[int]:
        """Open up to `count` sockets; their numbers, from 1 up over the whole life."""
        numbers = []
        for _ in range(min(count, SOCKETS_LIMIT - len(self._open))):
            try:
                opened = open_udp_socket(_ANY)
                with contextlib.suppress(PermissionError):
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, UNDERLAY_MARK)
            except AddressRefused:
                break
            self._last_number += 1
            side = _SideSocket(self._last_number, opened, self._on_datagram)
            self._open[side.number] = side
            self._reactor.addReader(side)
            numbers.append(side.number)
        return numbers

    def has(self, number: int) -> bool:
        """Whether that socket is open here."""
        return number in self._open

    def send(self, destination: SideAddress, payload: bytes) -> None:
        """Send a datagram; one that the kernel does not take is counted, as if lost on its way."""
        side = self._open.get(destination.socket)
        try:
            if side is not None:
                side.socket.sendto(payload, (destination.remote.host, destination.remote.port))
        except OSError:
            self.unsendable += 1

    def give_away(self, number: int) -> int | None:
        """The descriptor of a socket, which the caller now owns; None where it is not open here."""
        side = self._forget(number)
        return None if side is None else side.socket.detach()

    def close(self, number: int) -> bool:
        """Close a socket; False where it is not open here."""
        side = self._forget(number)
        if side is not None:
            side.socket.close()
        return side is not None

    def close_all(self) -> None:
        """Close all that are open here."""
        for number in list(self._open):
            self.close(number)

    def _forget(self, number: int) -> _SideSocket | None:
        side = self._open.pop(number, None)
        if side is not None:
            self._reactor.removeReader(side)
        return side
