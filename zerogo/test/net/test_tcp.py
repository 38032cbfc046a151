"""Tests for zerogo.net.tcp."""

import socket

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.tcp import _TCP_THIN_LINEAR_TIMEOUTS, repeat_soon


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
