# -*- test-case-name: zerogo.test.testing.test_side -*-
"""Side sockets of a simulated host, as `zerogo.net.side_sockets` opens them on a machine."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from zerogo.ids import SideAddress, SocketAddress
from zerogo.testing.internet import Host, Internet

FIRST_PORT = 40_000
SideReceiver = Callable[[bytes, SideAddress], object]
"""Takes a datagram and where it came from."""


@define(eq=False)
class SimulatedSideSockets:
    """Those of one process; datagrams go to `_on_datagram` until a plane takes a socket over."""

    _internet: Internet
    _host: Host
    _on_datagram: SideReceiver
    opened: int = field(default=0, init=False)
    """So far, in all."""
    limit: int = field(default=320, init=False)
    """Open at a time; lower it to see what a process does that may open few."""
    _ports: dict[int, int] = field(factory=dict, init=False)
    """Of all that are open, by number."""
    _given: dict[int, None] = field(factory=dict, init=False)
    """Taken over by a plane."""

    def open(self, count: int) -> list[int]:
        """Open up to `count`; their numbers."""
        numbers = []
        for _ in range(min(count, self.limit - len(self._ports))):
            self.opened += 1
            number, port = self.opened, FIRST_PORT + self.opened % 20_000
            self._ports[number] = port
            self._listen(number, self._on_datagram)
            numbers.append(number)
        return numbers

    def has(self, number: int) -> bool:
        """Whether a socket is open, and not a plane's."""
        return number in self._ports and number not in self._given

    @property
    def count(self) -> int:
        """How many are open, the plane's among them."""
        return len(self._ports)

    def send(self, destination: SideAddress, payload: bytes) -> None:
        """Send a datagram."""
        self.send_by_plane(destination.socket, destination.remote, payload)

    def send_by_plane(self, number: int, destination: SocketAddress, payload: bytes) -> None:
        """Send a datagram, whoever has the socket."""
        port = self._ports.get(number)
        if port is not None:
            self._internet.send(self._host, port, destination, payload)

    def give_away(self, number: int, receiver: SideReceiver) -> None:
        """From now on `receiver` gets what comes in."""
        if number in self._ports:
            self._given[number] = None
            self._listen(number, receiver)

    def close(self, number: int) -> None:
        """Close a socket, whoever has it."""
        self._given.pop(number, None)
        port = self._ports.pop(number, None)
        if port is not None:
            self._host.sockets.pop(port, None)

    def close_all(self) -> None:
        """Close all."""
        for number in list(self._ports):
            self.close(number)

    def _listen(self, number: int, receiver: SideReceiver) -> None:
        self._host.sockets[self._ports[number]] = lambda data, source: receiver(data, SideAddress(number, source))
