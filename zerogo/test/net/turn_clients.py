"""TURN clients' cores on sockets of the reactor, for tests that speak to a real server.

An agent has neither: its data plane and its stream bridges carry what the core sends.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorSocket, IReactorTime
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.internet.udp import Port
from twisted.python.failure import Failure

from zerogo.core import Transmit
from zerogo.ids import SocketAddress
from zerogo.net.datagram import DATAGRAM_BYTES_LIMIT
from zerogo.net.pump import Pump
from zerogo.turn.client import TurnClient
from zerogo.turn.client_events import ClientEvent
from zerogo.turn.framing import StreamFramer

OnEvent = Callable[[ClientEvent], object]


class DatagramDriver(DatagramProtocol):
    """A client on a UDP socket."""

    noisy = False

    def __init__(self, client: TurnClient, clock: IReactorTime, on_event: OnEvent) -> None:
        self._client = client
        self._pump: Pump[ClientEvent, Transmit] = Pump(
            client, clock, outputs=client.transmits, send=self._send, on_event=on_event
        )
        self.call = self._pump.call

    def _send(self, transmit: Transmit) -> None:
        destination = transmit.destination
        if self.transport is not None and isinstance(destination, SocketAddress):
            self.transport.write(transmit.payload, (destination.host, destination.port))

    def stopProtocol(self) -> None:
        self._pump.stop()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._pump.call(self._client.receive_datagram, datagram, SocketAddress(*addr[:2]))


def listen(opened: socket.socket, driver: DatagramDriver, reactor: IReactorSocket) -> Callable[[], Deferred[object]]:
    """Have the reactor read an opened socket, which it takes over; returns what closes it again."""
    port = reactor.adoptDatagramPort(opened.fileno(), opened.family, driver, DATAGRAM_BYTES_LIMIT)
    opened.close()
    assert isinstance(port, Port)
    return lambda: maybeDeferred(port.stopListening)


class TurnClientStream(Protocol):
    """A client on a connection, whoever dialled it. `server` is what the core knows the relay as."""

    transport: Any

    def __init__(self, client: TurnClient, server: SocketAddress, clock: IReactorTime, on_event: OnEvent) -> None:
        self._client = client
        self._server = server
        self._framer = StreamFramer()
        self._pump: Pump[ClientEvent, Transmit] = Pump(
            client,
            clock,
            outputs=client.transmits,
            send=lambda transmit: self.transport.write(transmit.payload),
            on_event=on_event,
        )

    def connectionMade(self) -> None:
        self._pump.call(self._client.start)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pump.call(self._client.connection_lost)
        self._pump.stop()

    def dataReceived(self, data: bytes) -> None:
        for frame in self._framer.receive(data):
            self._pump.call(self._client.receive_datagram, frame, self._server)
