"""The relay role with users: what its configuration makes of it, and how it ends."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.config.errors import ConfigError
from zerogo.config.load import parse
from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.net.listening import CertificateRefused
from zerogo.relay.service import RelayService
from zerogo.relay.turn import public_addresses
from zerogo.secret import Secret
from zerogo.test.net.certificates import write_certificate
from zerogo.test.net.turn_clients import DatagramDriver, listen
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import Allocated, AllocateFailed, PeerRefused
from zerogo.turn.credentials import timed_password, timed_username

reactor: Any = installed
LOOPBACK = SocketAddress("127.0.0.1", 0)
SECRET = "7f3d0c9be1a24586a1b2c3d4e5f60718"


def config(*lines: str, at: SocketAddress = LOOPBACK) -> RelayConfig:
    base = (f"listen: {at}", "tcp-listen: []", "public-ip: 127.0.0.1", f"auth-secret: {SECRET}")
    drain = () if any(line.startswith("drain") for line in lines) else ("drain-seconds: 0",)
    return parse("\n".join((*base, *drain, *lines)).encode(), RelayConfig)


def read_figures(port: int) -> dict[str, float]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as reading:
        reading.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = b"".join(iter(lambda: reading.recv(65536), b"")).decode()
    return {name: float(value) for name, value in re.findall(r"(?m)^(zerogo\S+) (\S+)$", text)}


class PublicAddressTests(SynchronousTestCase):
    def test_one_of_each_family_as_configured(self) -> None:
        made = parse(b'public-ip: ["2001:db8::7", 203.0.113.7, 203.0.113.8]', RelayConfig)
        self.assertEqual(public_addresses(made), ("203.0.113.7", "2001:db8::7"))

    def test_unusable_secret_keeps_it_from_starting(self) -> None:
        self.assertRaises(ConfigError, parse, b"auth-secret: your-secret-key", RelayConfig)


class TurnServiceTests(TestCase):
    timeout = 20

    def service(self, made: RelayConfig) -> RelayService:
        service = RelayService(made, reactor)
        self.addCleanup(lambda: service.stopService() if service.running else None)
        return service

    def started(self, *lines: str) -> tuple[RelayService, SocketAddress]:
        port = open_udp_socket(LOOPBACK)
        address = SocketAddress(*port.getsockname())
        port.close()
        service = self.service(config(*lines, at=address))
        service.privilegedStartService()
        service.startService()
        return service, address

    def ask(
        self, server: SocketAddress, credential: TurnCredential
    ) -> tuple[TurnClient, DatagramDriver, Deferred[Any]]:
        """A client that asks, and a Deferred of its first event."""
        first: Deferred[Any] = Deferred()
        client = TurnClient(server, credential, os.urandom)

        def on_event(event: object) -> None:
            nonlocal first
            told, first = first, Deferred()
            self.next_event = first
            told.callback(event)

        driver = DatagramDriver(client, reactor, on_event)
        self.addCleanup(listen(open_udp_socket(LOOPBACK), driver, reactor))
        answered = first
        driver.call(client.start)
        return client, driver, answered

    def timed(self, secret: str = SECRET) -> TurnCredential:
        name = timed_username("node", 4_000_000_000)
        return TurnCredential(name, timed_password(Secret(secret), name))

    @inlineCallbacks
    def test_timed_credential_is_lent_an_address_and_peers_are_closed(self) -> Any:
        service, address = self.started()
        client, driver, answered = self.ask(address, self.timed())
        event = yield answered
        self.assertIsInstance(event, Allocated)
        self.assertEqual(event.relayed.host, "127.0.0.1")
        refused = self.next_event
        driver.call(client.permit, SocketAddress("192.0.2.1", 1), None)
        event = yield refused
        self.assertIsInstance(event, PeerRefused)
        assert service.turn is not None
        self.assertEqual(service.turn.allocations, 1)

    @inlineCallbacks
    def test_credential_of_another_secret_is_refused(self) -> Any:
        _, address = self.started()
        _, _, answered = self.ask(address, self.timed("another-secret-of-some-length-0123"))
        event = yield answered
        self.assertEqual(event, AllocateFailed(401, ""))

    @inlineCallbacks
    def test_it_goes_on_for_those_who_are_relayed_until_they_are_done(self) -> Any:
        service, address = self.started("drain-seconds: 15")
        client, driver, answered = self.ask(address, self.timed())
        yield answered
        stopping = service.stopService()
        self.assertNoResult(stopping)
        _, _, late = self.ask(address, self.timed())
        event = yield late
        self.assertEqual(event, AllocateFailed(508, "shutting down"))
        driver.call(client.close)
        yield stopping

    def assertNoResult(self, deferred: Deferred[Any]) -> None:
        self.assertFalse(deferred.called)

    def test_tls_without_a_certificate_keeps_it_from_starting(self) -> None:
        service = self.service(config("tls-listen: 127.0.0.1:0"))
        error = self.assertRaises(CertificateRefused, service.privilegedStartService)
        self.assertIn("tls-certificate", str(error))

    def test_all_kinds_of_listeners_open_and_close(self) -> Any:
        certificate, key = write_certificate(Path(self.mktemp()))
        service = self.service(config("tls-listen: 127.0.0.1:0", f"tls-certificate: {certificate}", f"tls-key: {key}"))
        service.privilegedStartService()
        service.startService()
        return service.stopService()

    def test_relay_that_is_never_started_closes_what_it_opened(self) -> None:
        free = open_udp_socket(LOOPBACK)
        at = SocketAddress(*free.getsockname())
        free.close()
        service = RelayService(config(at=at), Clock())
        service.privilegedStartService()
        self.assertRaises(AddressRefused, open_udp_socket, at)
        self.successResultOf(service.stopService())
        open_udp_socket(at).close()

    @inlineCallbacks
    def test_allocations_refusals_and_draining_are_told(self) -> Any:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        service, address = self.started(f"metrics-listen: 127.0.0.1:{port}", "alternate-server: 127.0.0.9:3478")
        client, driver, answered = self.ask(address, self.timed())
        self.assertIsInstance((yield answered), Allocated)
        refused = self.next_event
        driver.call(client.permit, SocketAddress("192.0.2.1", 1), None)
        yield refused
        assert service.turn is not None
        service.turn.drain(0.0)
        _, _, answered = self.ask(address, self.timed())
        event = yield answered
        self.assertIsInstance(event, AllocateFailed)
        self.assertEqual((event.code, event.alternate), (300, SocketAddress("127.0.0.9", 3478)))
        figures = yield deferToThread(read_figures, port)
        self.assertEqual(figures["zerogo_relay_allocations"], 1)
        self.assertEqual(figures["zerogo_relay_allocations_total"], 1)
        self.assertEqual(figures["zerogo_relay_draining"], 1)
        # A request that is not answered within 200 ms, on a busy machine, is sent and counted again.
        self.assertGreaterEqual(figures['zerogo_relay_refusals_total{code="403"}'], 1)
        self.assertGreaterEqual(figures['zerogo_relay_refusals_total{code="300"}'], 1)
        self.assertGreaterEqual(figures['zerogo_relay_challenges_total{outcome="challenged"}'], 2)
