# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""A UDP socket on the loopback interface that stands for something far away which only a stream leads to.

A data plane speaks UDP only. What it sends to the socket's address goes into the stream, and what comes out of the
stream goes to the data socket from that address. Nobody else on this machine is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from zerogo.ids import SocketAddress

LOOPBACK = "127.0.0.1"
DATAGRAM_BYTES = 2048

DataPorts = Callable[[], Sequence[int]]
"""Gives the ports of our data sockets, that for IPv4 first."""


class LoopbackPort(DatagramProtocol):
    """One. `receive` is given what our data socket sends, `foreign` is told of datagrams from elsewhere."""

    noisy = False
    transport: Any

    def __init__(
        self, data_ports: DataPorts, receive: Callable[[bytes], object], foreign: Callable[[], object]
    ) -> None:
        self._data_ports = data_ports
        self._receive = receive
        self._foreign = foreign
        self._port: Any = None

    @property
    def address(self) -> SocketAddress:
        """What stands for the far end."""
        return SocketAddress(LOOPBACK, self._port.getHost().port)

    def open(self, reactor: Any) -> None:
        """Listen; raises `CannotListenError`."""
        self._port = reactor.listenUDP(0, self, interface=LOOPBACK, maxPacketSize=DATAGRAM_BYTES)

    def close(self) -> None:
        """Do not listen any more."""
        if self._port is not None:
            self._port.stopListening()

    def deliver(self, datagram: bytes) -> None:
        """Give a datagram to our data socket."""
        for port in self._data_ports()[:1]:
            self.transport.write(datagram, (LOOPBACK, port))

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Something came to the address."""
        if addr[0] != LOOPBACK or addr[1] not in self._data_ports():
            self._foreign()
        else:
            self._receive(datagram)
