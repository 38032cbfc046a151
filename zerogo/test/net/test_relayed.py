"""Sockets of relayed addresses, on loopback."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from zerogo.ids import SocketAddress
from zerogo.net.relayed import RelayedSockets, outgoing_address

reactor: Any = installed
HOST = "127.0.0.1"


class RelayedSocketsTests(TestCase):
    timeout = 20

    def sockets(self, first: int = 40000, last: int = 60000, public: str = HOST) -> RelayedSockets:
        self.received: Deferred[tuple[bytes, SocketAddress, SocketAddress]] = Deferred()
        made = RelayedSockets((public,), first, last, reactor, lambda *got: self.received.callback(got))
        self.addCleanup(made.close_all)
        return made

    def peer(self) -> tuple[socket.socket, SocketAddress]:
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind((HOST, 0))
        peer.settimeout(5)
        self.addCleanup(peer.close)
        return peer, SocketAddress(*peer.getsockname())

    @inlineCallbacks
    def test_datagrams_pass_both_ways(self) -> Any:
        sockets = self.sockets()
        (relayed,) = sockets.open(False, False, 1)
        peer, at_peer = self.peer()
        for whole in (False, True, False):
            sockets.send(relayed, b"out", at_peer, whole)
            self.assertEqual(peer.recvfrom(100), (b"out", (HOST, relayed.port)))
        peer.sendto(b"in", (HOST, relayed.port))
        got = yield self.received
        self.assertEqual(got, (b"in", at_peer, relayed))

    def test_datagram_that_must_stay_whole_and_cannot_is_an_error(self) -> None:
        sockets = self.sockets()
        (relayed,) = sockets.open(False, False, 1)
        _, at_peer = self.peer()
        self.assertRaises(OSError, sockets.send, relayed, bytes(65507 + 100), at_peer, True)

    def test_ports_are_of_the_range_and_follow_each_other(self) -> None:
        sockets = self.sockets()
        for _ in range(5):
            even, odd = sockets.open(False, True, 2)
            self.assertEqual((even.port % 2, odd.port), (0, even.port + 1))
            self.assertTrue(40000 <= even.port < odd.port <= 60000)
        self.assertEqual(len(sockets), 10)

    def test_range_that_is_used_up_gives_none(self) -> None:
        _, address = self.peer()
        sockets = self.sockets(address.port, address.port)
        self.assertEqual(sockets.open(False, False, 1), [])
        self.assertEqual(sockets.open(False, True, 2), [])
        self.assertEqual(len(sockets), 0)

    def test_address_of_a_nat_is_told_and_the_machines_own_is_bound(self) -> None:
        (relayed,) = self.sockets(public="198.51.100.7").open(False, False, 1)
        self.assertEqual(relayed.host, "198.51.100.7")

    def test_closed_port_is_free_again(self) -> None:
        sockets = self.sockets()
        (relayed,) = sockets.open(False, False, 1)
        sockets.close(relayed)
        sockets.close(relayed)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(peer.close)
        peer.bind((HOST, relayed.port))

    def test_outgoing_address_is_one_of_this_machine(self) -> None:
        found = outgoing_address(False)
        if found is not None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                own.bind((found, 0))
