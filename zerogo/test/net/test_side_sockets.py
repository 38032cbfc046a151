"""Side sockets in a reactor of the test's own: opened, read, given away, closed."""

from __future__ import annotations

import os
import socket

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SideAddress, SocketAddress
from zerogo.net.side_sockets import SOCKETS_LIMIT, SideSockets


class SideSocketTests(SynchronousTestCase):
    """Datagrams stay on the loopback interface."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.heard: list[tuple[bytes, SideAddress]] = []
        self.closes = False
        self.sides = SideSockets(self.reactor, self.hear)
        self.addCleanup(self.sides.close_all)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.peer.close)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(5)
        self.place = SocketAddress("127.0.0.1", self.peer.getsockname()[1])

    def hear(self, data: bytes, source: SideAddress) -> None:
        """A datagram came in."""
        self.heard.append((data, source))
        if self.closes:
            self.sides.close(source.socket)

    def readers(self) -> list[IReadDescriptor]:
        """What the reactor would read."""
        return list(self.reactor.getReaders())

    def test_a_socket_sends_and_hears_under_its_number(self) -> None:
        first, second = self.sides.open(2)
        self.sides.send(SideAddress(second, self.place), b"out")
        data, address = self.peer.recvfrom(100)
        self.assertEqual(data, b"out")
        self.peer.sendto(b"in", address)
        for reader in self.readers():
            reader.doRead()
        self.assertEqual(self.heard, [(b"in", SideAddress(second, self.place))])
        self.assertNotEqual(first, second)

    def test_what_is_given_away_is_not_read_here_and_stays_open(self) -> None:
        (number,) = self.sides.open(1)
        descriptor = self.sides.give_away(number)
        assert descriptor is not None
        self.addCleanup(os.close, descriptor)
        self.assertEqual((self.readers(), self.sides.has(number)), ([], False))
        self.assertFalse(self.sides.close(number))
        os.fstat(descriptor)

    def test_numbers_are_never_used_twice(self) -> None:
        (first,) = self.sides.open(1)
        self.assertTrue(self.sides.close(first))
        self.assertNotIn(first, self.sides.open(3))

    def test_no_more_are_opened_than_the_limit(self) -> None:
        self.assertEqual(len(self.sides.open(SOCKETS_LIMIT + 100)), SOCKETS_LIMIT)
        self.assertEqual(self.sides.open(1), [])
        self.sides.close_all()
        self.assertEqual(self.readers(), [])

    def test_a_socket_that_is_closed_in_its_own_datagram_is_not_read_on(self) -> None:
        (number,) = self.sides.open(1)
        self.sides.send(SideAddress(number, self.place), b"out")
        _, address = self.peer.recvfrom(100)
        self.closes = True
        (reader,) = self.readers()
        for _ in range(3):
            self.peer.sendto(b"in", address)
        reader.doRead()
        self.assertEqual(len(self.heard), 1)

    def test_what_the_kernel_refuses_is_counted(self) -> None:
        (number,) = self.sides.open(1)
        self.sides.send(SideAddress(number, SocketAddress("255.255.255.255", 9)), b"out")
        self.assertEqual(self.sides.unsendable, 1)
