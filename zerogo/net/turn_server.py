# -*- test-case-name: zerogo.test.net.test_turn_server -*-
"""Drives a TURN server core: clients on UDP, TCP and TLS on one side, relayed sockets on the other.

UDP listeners, TurnStreamFactory  <->  TurnServer (core, in a Pump)  <->  RelayedSockets
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import IOpenSSLContextFactory, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import Logger

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.net.listening import TLSServerFactory
from zerogo.net.pump import Pump
from zerogo.net.relayed import DATAGRAM_BYTES, RelayedSockets
from zerogo.net.turn_forwarding import NativeForwarding, Tally
from zerogo.net.turn_stream import StreamCounters, TurnStreamFactory
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.events import (
    AllocationEnded,
    AllocationMade,
    ClientEnd,
    FlowPermitted,
    Output,
    PeerEnd,
    RelayReleased,
    RelayWanted,
    ServerEvent,
    ToClient,
)
from zerogo.turn.server import TurnServer


@define
class DriverCounters:
    """What the core does not see."""

    unsendable: int = 0
    """Datagrams that the kernel refused to send."""
    allocated: int = 0
    """Addresses that were lent."""


@lru_cache(4096)
def _udp_client(listener: int, host: str, port: int) -> ClientAddress:
    """Raises `ParseError`; remembered, since datagrams come in rows from the same client."""
    return ClientAddress(listener, ClientTransport.UDP, SocketAddress.of(host, port))


class _UdpListener(DatagramProtocol):
    """One UDP socket that clients send to."""

    noisy = False

    def __init__(self, number: int, receive: Callable[[bytes, ClientAddress], object]) -> None:
        self._number = number
        self._receive = receive

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        try:
            client = _udp_client(self._number, addr[0], addr[1])
        except ParseError:
            return
        self._receive(datagram, client)

    def send(self, payload: bytes, address: SocketAddress) -> None:
        """Raises `OSError` where the kernel refuses."""
        if self.transport is not None:
            self.transport.write(payload, (address.host, address.port))


class _SendingListener:
    """One UDP socket that clients send to, which the forwarder reads; answers leave by it."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = socket.socket(fileno=os.dup(opened.fileno()))

    def send(self, payload: bytes, address: SocketAddress) -> None:
        """Raises `OSError` where the kernel refuses."""
        self._socket.sendto(payload, (address.host, address.port))

    def close(self) -> None:
        """Nothing may be sent after this."""
        self._socket.close()


class TurnDriver:
    """One core with all its sockets. `reactor` is IReactorTime, IReactorSocket and IReactorFDSet.

    :param public: the addresses that relayed addresses are on, as peers see them.
    :param ports: first and last port of relayed addresses.
    :param forwarding: forwards what the core permits as flows, and reads all UDP sockets; else the reactor does.
    """

    log = Logger()

    def __init__(
        self,
        server: TurnServer,
        reactor: Any,
        public: tuple[str, ...],
        ports: tuple[int, int],
        forwarding: NativeForwarding | None = None,
    ) -> None:
        self.counters = DriverCounters()
        self.stream_counters = StreamCounters()
        self._server = server
        self._reactor = reactor
        self._forwarding = forwarding
        self._relayed = RelayedSockets(public, *ports, reactor, self._peer_sent, forwarding)
        self._pump: Pump[ServerEvent, Output] = Pump(
            server, reactor, outputs=server.transmits, send=self._send, on_event=self._on_event
        )
        self._udp: dict[int, _UdpListener | _SendingListener] = {}
        self._streams: dict[int, TurnStreamFactory] = {}
        self._closers: list[Callable[[], Deferred[object]]] = []
        if forwarding is not None:
            forwarding.start(reactor, self.message_received, self._peer_sent, self._renew_flow)

    @property
    def forwarded(self) -> Tally:
        """What was forwarded without the core."""
        return Tally() if self._forwarding is None else self._forwarding.tally

    def listen_udp(self, opened: socket.socket) -> int:
        """Serve clients on an opened UDP socket, which the reactor takes over; returns the number of the listener."""
        number = self._next_listener()
        if self._forwarding is not None:
            sending = self._udp[number] = _SendingListener(opened)
            self._forwarding.listen(number, opened)
            opened.close()
            self._closers.append(lambda: maybeDeferred(sending.close))
            return number
        listener = self._udp[number] = _UdpListener(number, self.message_received)
        port = self._reactor.adoptDatagramPort(opened.fileno(), opened.family, listener, DATAGRAM_BYTES)
        opened.close()
        assert isinstance(port, Port)
        self._closers.append(lambda: maybeDeferred(port.stopListening))
        return number

    def listen_stream(self, opened: socket.socket, tls_context: IOpenSSLContextFactory | None) -> None:
        """Serve clients on an opened, listening TCP socket; over TLS where there is a context."""
        number = self._next_listener()
        transport = ClientTransport.TCP if tls_context is None else ClientTransport.TLS
        factory = TurnStreamFactory(number, transport, self, self._reactor, self.stream_counters)
        self._streams[number] = factory
        wrapped: IProtocolFactory = factory
        if tls_context is not None:
            wrapped = TLSServerFactory(tls_context, factory)
        port = self._reactor.adoptStreamPort(opened.fileno(), opened.family, wrapped)
        opened.close()
        self._closers.append(lambda: maybeDeferred(port.stopListening))

    def drain(self) -> None:
        """Lend nothing new."""
        self._pump.call(self._server.drain)

    def close(self) -> list[Deferred[object]]:
        """Close all sockets; what is lent ends."""
        self._pump.stop()
        for factory in self._streams.values():
            factory.close_all()
        self._relayed.close_all()
        if self._forwarding is not None:
            self._forwarding.close()
        closing = [close() for close in self._closers]
        self._closers.clear()
        return closing

    def message_received(self, data: bytes, client: ClientAddress) -> None:
        """A client sent a datagram, or a message on a stream."""
        self._pump.call(self._server.receive_from_client, data, client)

    def connection_lost(self, client: ClientAddress) -> None:
        """A client's connection is closed."""
        self._pump.call(self._server.client_lost, client)

    def serves(self, client: ClientAddress) -> bool:
        """Whether a client has an allocation."""
        return self._server.serves(client, self._reactor.seconds())

    def _peer_sent(self, data: bytes, peer: SocketAddress, relayed: SocketAddress) -> None:
        self._pump.call(self._server.receive_from_peer, data, peer, relayed)

    def _renew_flow(self, source: ClientEnd | PeerEnd) -> None:
        self._pump.call(self._server.renew_flow, source)

    def _next_listener(self) -> int:
        return len(self._udp) + len(self._streams)

    def _send(self, output: Output) -> None:
        try:
            if not isinstance(output, ToClient):
                self._relayed.send(output.relayed, output.payload, output.peer, output.dont_fragment)
            elif output.client.is_stream:
                self._streams[output.client.listener].send(output.client, output.payload)
            else:
                self._udp[output.client.listener].send(output.payload, output.client.address)
        except (OSError, MessageLengthError):
            self.counters.unsendable += 1

    def _on_event(self, event: ServerEvent) -> None:
        if isinstance(event, RelayWanted):
            self._open_relay(event)
        elif isinstance(event, RelayReleased):
            self._relayed.close(event.relayed)
        elif isinstance(event, FlowPermitted):
            if self._forwarding is not None:
                self._forwarding.permit(event, self._reactor.seconds())
        elif isinstance(event, AllocationMade):
            self.counters.allocated += 1
            self.log.debug(
                "{user} at {client} is lent {relayed}",
                user=event.user,
                client=str(event.client),
                relayed=str(event.relayed),
            )
        elif isinstance(event, AllocationEnded):
            if self._forwarding is not None:
                self._forwarding.ended(event.client)
            self.log.debug(
                "{user} gave {relayed} back ({reason}); {out} bytes to peers, {back} from them",
                user=event.user,
                relayed=str(event.relayed),
                reason=event.reason,
                out=event.bytes_out,
                back=event.bytes_in,
            )

    def _open_relay(self, wanted: RelayWanted) -> None:
        opened = self._relayed.open(wanted.is_ipv6, wanted.needs_even_port, 2 if wanted.keeps_next_port else 1)
        if opened:
            kept = opened[1] if len(opened) > 1 else None
            self._pump.call(self._server.relay_opened, wanted.ticket, opened[0], kept)
        else:
            self._pump.call(self._server.relay_refused, wanted.ticket)
