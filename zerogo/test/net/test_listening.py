"""TCP listeners, and certificates that can and cannot be used."""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused
from zerogo.net.listening import TURN_PROTOCOLS, CertificateRefused, server_context
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.test.net.certificates import write_certificate


class OpenTcpSocketTests(SynchronousTestCase):
    def test_socket_listens(self) -> None:
        opened = open_tcp_socket(SocketAddress("127.0.0.1", 0))
        self.addCleanup(opened.close)
        client = socket.create_connection(opened.getsockname(), 5)
        client.close()

    def test_taken_and_foreign_addresses_are_refused_in_a_sentence(self) -> None:
        opened = open_tcp_socket(SocketAddress("127.0.0.1", 0))
        self.addCleanup(opened.close)
        address = SocketAddress(*opened.getsockname())
        error = self.assertRaises(AddressRefused, open_tcp_socket, address)
        self.assertEqual(str(error), f"cannot listen on TCP {address}: Address already in use")
        foreign = self.assertRaises(AddressRefused, open_tcp_socket, SocketAddress("192.0.2.1", 1))
        self.assertTrue(foreign.is_unsupported)


class ServerContextTests(SynchronousTestCase):
    def test_certificate_and_key_are_used(self) -> None:
        certificate, key = write_certificate(Path(self.mktemp()))
        server_context(certificate, key, TURN_PROTOCOLS).getContext()

    def test_what_cannot_be_used_is_refused_with_the_file(self) -> None:
        certificate, key = write_certificate(Path(self.mktemp()))
        other = write_certificate(Path(self.mktemp()))[1]
        missing = Path(self.mktemp())
        for first, second, word in (
            (missing, key, missing.name),
            (certificate, missing, missing.name),
            (key, key, "are no certificate"),
            (certificate, certificate, "no certificate and its key"),
            (certificate, other, "is not the key of"),
        ):
            error = self.assertRaises(CertificateRefused, server_context, first, second, TURN_PROTOCOLS)
            self.assertIn(word, str(error))
