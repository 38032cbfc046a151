from __future__ import annotations

import errno
import socket
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import sockets
from zerogo.dataplane.errors import SocketNotOpened
from zerogo.dataplane.sockets import open_data_sockets


class DataSocketsTests(SynchronousTestCase):
    def open(self, port: int = 0) -> list[socket.socket]:
        opened = open_data_sockets(port)
        for sock in opened:
            self.addCleanup(sock.close)
        return opened

    def test_all_families_share_a_port(self) -> None:
        opened = self.open()
        self.assertEqual(1, len({sock.getsockname()[1] for sock in opened}))
        self.assertEqual(len(opened), len({sock.family for sock in opened}))

    def test_nothing_may_be_fragmented_below(self) -> None:
        for sock in self.open():
            self.assertFalse(sock.getblocking())
            if sock.family == socket.AF_INET:
                self.assertEqual(3, sock.getsockopt(socket.IPPROTO_IP, 10))
            else:
                self.assertEqual(3, sock.getsockopt(socket.IPPROTO_IPV6, 23))

    def test_a_taken_port_is_told_in_one_sentence(self) -> None:
        taken = self.open()[0].getsockname()[1]
        error = self.assertRaises(SocketNotOpened, open_data_sockets, taken)
        self.assertIn(str(taken), str(error))

    def test_a_port_of_our_choice_that_one_family_cannot_have_is_chosen_again(self) -> None:
        original, failures = sockets._open, [OSError(errno.EADDRINUSE, "scripted")]

        def scripted(family: int, port: int) -> socket.socket | None:
            if family == socket.AF_INET6 and failures:
                raise failures.pop()
            return original(family, port)

        with mock.patch.object(sockets, "_open", scripted):
            self.assertGreaterEqual(len(self.open()), 1)

    def test_a_machine_without_ipv6_has_one_socket(self) -> None:
        original = sockets._open

        def scripted(family: int, port: int) -> socket.socket | None:
            return None if family == socket.AF_INET6 else original(family, port)

        with mock.patch.object(sockets, "_open", scripted):
            self.assertEqual([socket.AF_INET], [sock.family for sock in self.open()])
