"""Users' connections are few of one address, say something soon, and are of whom a balancer says they are."""

from __future__ import annotations

import socket
import struct
from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.proxy_protocol import SIGNATURE
from zerogo.net.exit_user import FIRST_BYTE_SECONDS, UserCrowd, UserFactory
from zerogo.test.net.exit_link import Transport

BALANCER = "192.0.2.10"


class Connection(Transport):
    def setTcpNoDelay(self, is_on: bool) -> None:
        """As wanted."""


class Session:
    """Notes what it is given."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.got = b""
        protocol.made = self

    def receive(self, data: bytes) -> None:
        self.got += data

    def finished(self) -> None:
        """As wanted."""

    def lost(self, is_clean: bool) -> None:
        """As wanted."""


class UserFactoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        desk: Any = SimpleNamespace(clock=self.clock, is_denied=lambda source: source == "198.51.100.66")
        self.factory = UserFactory(desk, {5: Session}, frozenset([BALANCER]), UserCrowd(6, 3))

    def connect(self, host: str) -> tuple[Any, Connection]:
        protocol, transport = self.factory.buildProtocol(SimpleNamespace(host=host)), Connection()
        assert protocol is not None
        protocol.makeConnection(transport)
        return protocol, transport

    def lose(self, protocol: Any) -> None:
        protocol.connectionLost(Failure(ConnectionDone()))

    def header(self, source: str) -> bytes:
        return SIGNATURE + b"\x21\x11\x00\x0c" + socket.inet_aton(source) + bytes(4) + struct.pack("!HH", 5000, 1080)

    def test_one_address_has_so_many_and_others_come_in_beside_it(self) -> None:
        taken = [self.connect("192.0.2.1") for _ in range(3)]
        refused, transport = self.connect("192.0.2.1")
        self.assertTrue(transport.is_aborted)
        self.assertFalse(self.connect("192.0.2.2")[1].is_aborted)
        self.lose(refused)
        self.lose(taken[0][0])
        self.assertFalse(self.connect("192.0.2.1")[1].is_aborted)
        self.assertEqual((self.factory.connections, self.factory.turned_away), (4, 1))

    def test_all_together_are_bounded(self) -> None:
        for number in range(6):
            self.connect(f"192.0.2.{number + 20}")
        self.assertIsNone(self.factory.buildProtocol(SimpleNamespace(host="192.0.2.9")))

    def test_all_ports_share_what_there_is_room_for(self) -> None:
        crowd = UserCrowd(4, 2)
        ports = [UserFactory(self.factory.desk, {5: Session}, frozenset(), crowd) for _ in range(2)]
        ends = []
        for self.factory in (*ports, *ports):
            ends.append(self.connect("192.0.2.1"))
        self.assertEqual([transport.is_aborted for _, transport in ends], [False, False, True, True])
        self.assertEqual([port.protocol_for("192.0.2.2") for port in ports], [None, None])
        for protocol, _ in ends:
            self.lose(protocol)
        self.assertEqual((crowd.connections, [port.turned_away for port in ports]), (0, [1, 1]))
        self.assertFalse(self.connect("192.0.2.1")[1].is_aborted)

    def test_who_says_nothing_is_left(self) -> None:
        silent, speaking = self.connect("192.0.2.1"), self.connect("192.0.2.2")
        speaking[0].dataReceived(b"\x05")
        self.clock.advance(FIRST_BYTE_SECONDS + 1)
        self.assertEqual((silent[1].is_aborted, speaking[1].is_aborted), (True, False))
        self.assertEqual(speaking[0].made.got, b"\x05")

    def test_behind_a_balancer_each_user_is_counted_by_the_own_address(self) -> None:
        for number in range(5):
            protocol, transport = self.connect(BALANCER)
            header = self.header("198.51.100.7")
            protocol.dataReceived(header[:20])
            protocol.dataReceived(header[20:] + b"\x05\x01")
            self.assertEqual(transport.is_aborted, number >= 3)
            if number < 3:
                self.assertEqual((protocol.source, protocol.made.got), ("198.51.100.7", b"\x05\x01"))
            else:
                self.lose(protocol)
        protocol, transport = self.connect(BALANCER)
        protocol.dataReceived(self.header("198.51.100.66") + b"\x05")
        self.assertTrue(transport.is_aborted)

    def test_a_balancer_that_sends_no_header_is_left(self) -> None:
        protocol, transport = self.connect(BALANCER)
        protocol.dataReceived(b"\x05\x01\x00" + bytes(20))
        self.assertTrue(transport.is_aborted)
