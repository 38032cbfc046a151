# -*- test-case-name: zerogo.test.net.test_turn_client -*-
"""Drives a TURN client core over TCP or TLS; over UDP, `zerogo.net.datagram.DatagramDriver` does.

The protocol is given a connected transport by whatever dialled it (an endpoint, a proxy's CONNECT, a TLS wrapper). It
starts the core when it is connected. What is relayed is datagrams: while the transport is full, data is dropped, so a
slow path costs packets and not memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.core import Transmit
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.pump import Pump
from zerogo.turn.client import TurnClient
from zerogo.turn.client_events import ClientEvent
from zerogo.turn.framing import StreamFramer


@implementer(IPushProducer)
class TurnClientStream(Protocol):
    """One connection to a relay. `server` is what the core knows the relay as."""

    transport: Any

    def __init__(
        self, client: TurnClient, server: SocketAddress, clock: IReactorTime, on_event: Callable[[ClientEvent], object]
    ) -> None:
        self.dropped = 0
        """Messages that were not sent because the transport was full."""
        self._client = client
        self._server = server
        self._framer = StreamFramer()
        self._is_full = False
        self._pump: Pump[ClientEvent, Transmit] = Pump(
            client, clock, outputs=client.transmits, send=self._send, on_event=on_event
        )

    def call(self, verb: Callable[..., object], *arguments: object) -> None:
        """Call a verb of the core with `arguments` and the time, then do what the core asks for."""
        self._pump.call(verb, *arguments)

    def send(self, peer: SocketAddress, payload: bytes) -> None:
        """Send data to a peer, where the core may."""
        self._pump.call(lambda now: self._client.send(peer, payload))

    def connectionMade(self) -> None:
        """The relay is there."""
        self.transport.registerProducer(self, True)
        self._pump.call(self._client.start)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The relay is gone."""
        self._pump.call(self._client.connection_lost)
        self._pump.stop()

    def dataReceived(self, data: bytes) -> None:
        """Part of the stream."""
        try:
            frames = self._framer.receive(data)
        except ParseError:
            self.transport.abortConnection()
            return
        for frame in frames:
            self._pump.call(self._client.receive_datagram, frame, self._server)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._is_full = True

    def resumeProducing(self) -> None:
        """There is room again."""
        self._is_full = False

    def stopProducing(self) -> None:
        """The connection is closing."""
        self._is_full = True

    def _send(self, transmit: Transmit) -> None:
        if self._is_full:
            self.dropped += 1
        else:
            self.transport.write(transmit.payload)
