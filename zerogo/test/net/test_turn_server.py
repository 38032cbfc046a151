"""The driver of the TURN server core on loopback sockets, with our client core at the other end."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.trial.unittest import TestCase

from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.net.listening import TURN_PROTOCOLS, server_context
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.net.turn_server import TurnDriver
from zerogo.policy.addresses import AddressRule
from zerogo.secret import Secret
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.server import BindingResponder, ResponderCounters
from zerogo.test.net.certificates import write_certificate
from zerogo.test.net.turn_clients import DatagramDriver, TurnClientStream, listen
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import ChannelBound, PeerData
from zerogo.turn.credentials import StaticUsers
from zerogo.turn.gate import PeerGate
from zerogo.turn.quota import Quota
from zerogo.turn.server import ServerSettings, TurnServer

reactor: Any = installed
HOST = "127.0.0.1"
LOOPBACK = SocketAddress(HOST, 0)
CREDENTIAL = TurnCredential("alice", Secret("password"))


class Echo(DatagramProtocol):
    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        self.transport.write(datagram, addr)


class TurnDriverTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        rule = AddressRule((ipaddress.ip_network("127.0.0.0/8"),))
        gate = PeerGate(rule=rule, own_hosts=(HOST,), secrets=(), unix_time=lambda: 0.0)
        authority = StaticUsers({"alice": Secret("password")})
        turn_settings = ServerSettings(realm="realm", authority=authority, gate=gate, quota=Quota())
        binding = BindingResponder(SourceLimiter(20, 40), ResponderCounters())
        self.server = TurnServer(turn_settings, os.urandom, lambda: 0.0, binding)
        self.driver = TurnDriver(self.server, reactor, (HOST,), (40000, 60000))
        self.addCleanup(lambda: DeferredList(self.driver.close()))
        echo = reactor.listenUDP(0, Echo(), HOST)
        self.addCleanup(echo.stopListening)
        self.peer = SocketAddress(HOST, echo.getHost().port)

    def round_trip(self, client: TurnClient) -> tuple[Deferred[bytes], Any]:
        """A Deferred of what comes back from the peer, and an `on_event` that leads there."""
        echoed: Deferred[bytes] = Deferred()
        seen: list[object] = []

        def on_event(event: object) -> None:
            seen.append(event)
            if isinstance(event, ChannelBound):
                client.send(self.peer, b"hello")
            elif isinstance(event, PeerData):
                echoed.callback(event.payload)

        client.bind(self.peer, None, 0.0)
        return echoed, on_event

    @inlineCallbacks
    def test_datagrams_pass_for_a_client_on_udp(self) -> Any:
        listener = open_udp_socket(LOOPBACK)
        address = SocketAddress(*listener.getsockname())
        self.driver.listen_udp(listener)
        client = TurnClient(address, CREDENTIAL, os.urandom)
        echoed, on_event = self.round_trip(client)
        driver = DatagramDriver(client, reactor, on_event)
        self.addCleanup(listen(open_udp_socket(LOOPBACK), driver, reactor))
        driver.call(client.start)
        data = yield echoed
        self.assertEqual((data, self.server.counters.to_peers, self.server.counters.to_clients), (b"hello", 1, 1))
        driver.call(client.close)
        yield self.until_idle()

    @inlineCallbacks
    def test_datagrams_pass_for_clients_on_tcp_and_tls_and_closing_ends_the_allocation(self) -> Any:
        certificate, key = write_certificate(Path(self.mktemp()))
        context = server_context(certificate, key, TURN_PROTOCOLS)
        trusted = optionsForClientTLS("localhost", trustRoot=Certificate.loadPEM(certificate.read_bytes()))
        for tls_context in (None, context):
            listener = open_tcp_socket(LOOPBACK)
            address = SocketAddress(*listener.getsockname())
            self.driver.listen_stream(listener, tls_context)
            client = TurnClient(address, CREDENTIAL, os.urandom, is_stream=True)
            echoed, on_event = self.round_trip(client)
            stream = TurnClientStream(client, address, reactor, on_event)
            endpoint: Any = TCP4ClientEndpoint(reactor, HOST, address.port)
            if tls_context is not None:
                endpoint = wrapClientTLS(trusted, endpoint)
            yield connectProtocol(endpoint, stream)
            data = yield echoed
            self.assertEqual(data, b"hello")
            stream.transport.abortConnection()
            yield self.until_idle()

    @inlineCallbacks
    def test_stream_of_another_protocol_is_closed(self) -> Any:
        listener = open_tcp_socket(LOOPBACK)
        address = listener.getsockname()
        self.driver.listen_stream(listener, None)
        with socket.create_connection(address, 5) as stranger:
            stranger.sendall(b"\xffnot TURN")
            stranger.setblocking(False)
            yield self.until(lambda: self.driver.stream_counters.malformed == 1)

    def until_idle(self) -> Deferred[None]:
        return self.until(lambda: self.server.is_idle)

    def until(self, is_so: Any) -> Deferred[None]:
        """Look in each turn of the reactor; the test's own timeout is the deadline."""
        done: Deferred[None] = Deferred()

        def look() -> None:
            if is_so():
                done.callback(None)
            else:
                reactor.callLater(0, look)

        look()
        return done
