"""The opening of UDP sockets."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket


class OpenUdpSocketTests(SynchronousTestCase):
    def test_ipv6_socket_leaves_ipv4_free(self) -> None:
        ipv6 = open_udp_socket(SocketAddress("::", 0))
        self.addCleanup(ipv6.close)
        ipv4 = open_udp_socket(SocketAddress("0.0.0.0", ipv6.getsockname()[1]))
        self.addCleanup(ipv4.close)
        self.assertEqual(ipv6.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)
        self.assertFalse(ipv4.getblocking())

    def test_taken_address_is_named(self) -> None:
        first = open_udp_socket(SocketAddress("127.0.0.1", 0))
        self.addCleanup(first.close)
        port = first.getsockname()[1]
        refused = self.assertRaises(AddressRefused, open_udp_socket, SocketAddress("127.0.0.1", port))
        self.assertIn(f"127.0.0.1:{port}: Address already in use", str(refused))
        self.assertFalse(refused.is_unsupported)

    def test_address_of_another_machine_is_told_apart(self) -> None:
        refused = self.assertRaises(AddressRefused, open_udp_socket, SocketAddress("192.0.2.1", 0))
        self.assertTrue(refused.is_unsupported)
