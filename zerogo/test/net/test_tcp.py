"""Tests for zerogo.net.tcp."""

import socket

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.tcp import _TCP_THIN_LINEAR_TIMEOUTS, SEGMENT_BYTES, fit_narrow_lines, repeat_soon


class Transport:
    def __init__(self, handle: socket.socket) -> None:
        self._handle = handle

    def getHandle(self) -> socket.socket:
        return self._handle


class RepeatSoonTests(SynchronousTestCase):
    def test_the_kernel_is_told(self) -> None:
        with socket.socket() as tcp:
            repeat_soon(Transport(tcp))
            self.assertEqual(tcp.getsockopt(socket.IPPROTO_TCP, _TCP_THIN_LINEAR_TIMEOUTS), 1)

    def test_what_has_no_such_option_is_left_alone(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            repeat_soon(Transport(udp))
        repeat_soon(Transport(udp))
        repeat_soon(StringTransport())


class NarrowTests(SynchronousTestCase):
    """`fit_narrow_lines`."""

    def test_both_ends_of_an_accepted_connection_keep_to_small_segments(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            fit_narrow_lines(listening)
            with socket.create_connection(listening.getsockname(), 5) as client:
                server, _ = listening.accept()
                with server:
                    for end in (client, server):
                        size = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                        self.assertLessEqual(size, SEGMENT_BYTES)

    def test_what_is_no_socket_is_left_alone(self) -> None:
        fit_narrow_lines(object())
