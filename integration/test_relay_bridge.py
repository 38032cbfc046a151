"""The bridge to a relay's streams against our relay, on loopback: TLS with the right and with another key pinned."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from zerogo.config.load import parse
from zerogo.config.relay import RelayConfig
from zerogo.control.relays import RelayPlace
from zerogo.ids import SocketAddress
from zerogo.net.relay_bridge import RelayBridge
from zerogo.net.relay_dial import stream_ways
from zerogo.relay.service import RelayService
from zerogo.secret import Secret
from zerogo.test.net.certificates import write_certificate
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import Allocated
from zerogo.turn.credentials import timed_password, timed_username

reactor: Any = installed
HOST = "127.0.0.1"
SECRET = Secret("7f3d0c9be1a24586a1b2c3d4e5f60718")
USER = timed_username("ann", 4_000_000_000)


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def pin_of(certificate: Path) -> bytes:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize()


class DataSocket(DatagramProtocol):
    """Stands for a data plane: a TURN client that speaks UDP to whatever address it is given."""

    def __init__(self) -> None:
        self.allocated: Deferred[Allocated] = Deferred()
        self.client: TurnClient | None = None

    def use(self, relay: SocketAddress) -> None:
        credential = TurnCredential(USER, timed_password(SECRET, USER))
        self.client = TurnClient(relay, credential, os.urandom, is_stream=True)
        self.client.start(reactor.seconds())
        self.settle()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        assert self.client is not None
        self.client.receive_datagram(datagram, SocketAddress(*addr), reactor.seconds())
        self.settle()

    def settle(self) -> None:
        assert self.client is not None
        for event in self.client.events():
            if isinstance(event, Allocated):
                self.allocated.callback(event)
        for transmit in self.client.transmits():
            self.transport.write(transmit.payload, (transmit.destination.host, transmit.destination.port))


class RelayBridgeTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        directory = Path(tempfile.mkdtemp())
        self.certificate, key = write_certificate(directory)
        key.chmod(0o600)
        self.tls = free_port(socket.SOCK_STREAM)
        text = (
            f"auth-secret: {SECRET.reveal()}\nlisten: ['{HOST}:{free_port(socket.SOCK_DGRAM)}']\ntcp-listen: []\n"
            f"tls-listen: ['{HOST}:{self.tls}']\ntls-certificate: {self.certificate}\ntls-key: {key}\n"
            f"public-ip: [{HOST}]\n"
        )
        self.relay = RelayService(parse(text.encode(), RelayConfig), reactor)
        self.relay.privilegedStartService()
        self.relay.startService()
        self.addCleanup(self.relay.stopService)
        self.data = DataSocket()
        self.port = reactor.listenUDP(0, self.data, interface=HOST)
        self.addCleanup(self.port.stopListening)

    def bridge(self, pin: bytes) -> RelayBridge:
        place = RelayPlace(name="near", host=HOST, tls=self.tls, tls_pin=pin)
        ways = stream_ways(reactor, (place,), None)
        ports = lambda: [self.port.getHost().port]  # noqa: E731
        bridge = RelayBridge(reactor, ways, ports, opened=self.data.use, closed=lambda address: None)
        bridge.start()
        self.addCleanup(bridge.stop)
        return bridge

    @inlineCallbacks
    def test_relay_with_the_pinned_key_lends_an_address_over_tls(self) -> Any:
        self.bridge(pin_of(self.certificate))
        allocated = yield self.data.allocated
        self.assertEqual(allocated.relayed.host, HOST)

    @inlineCallbacks
    def test_relay_with_another_key_is_not_spoken_to(self) -> Any:
        bridge = self.bridge(bytes(32))
        while not bridge.counters.distrusted:
            yield deferLater(reactor, 0.05, lambda: None)
        self.assertIsNone(self.data.client)
