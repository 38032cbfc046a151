"""Tests for zerogo.net.tcp."""

import contextlib
import socket
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.tcp import (
    _TCP_THIN_LINEAR_TIMEOUTS,
    READ_MOST,
    SEGMENT_BYTES,
    fit_narrow_lines,
    read_more,
    repeat_soon,
    write_now,
)


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


class WriteNowTests(SynchronousTestCase):
    def setUp(self) -> None:
        near, self.far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)
        self.far.settimeout(5)
        self.reactor: Any = MemoryReactor()
        self.transport: Any = Connection(near, Protocol(), self.reactor)
        self.transport.connected = 1

    def test_the_kernel_gets_it_without_the_reactor(self) -> None:
        write_now(self.transport, [b"one", b"two"])
        self.assertEqual(self.far.recv(100), b"onetwo")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_what_the_kernel_does_not_take_is_written_later_in_order(self) -> None:
        pieces = [bytes([number]) * 100_000 for number in range(40)]
        write_now(self.transport, pieces[:20])
        write_now(self.transport, pieces[20:])
        self.assertEqual(self.reactor.getWriters(), [self.transport])
        self.far.setblocking(False)
        got = b""
        while self.reactor.getWriters():
            self.transport.doWrite()
            with contextlib.suppress(BlockingIOError):
                while piece := self.far.recv(1 << 20):
                    got += piece
        self.assertEqual(got, b"".join(pieces))

    def test_a_broken_connection_is_left_to_the_reactor_to_find(self) -> None:
        self.far.close()
        write_now(self.transport, [b"lost"])
        self.assertEqual(self.reactor.getWriters(), [self.transport])

    def test_other_transports_are_written_to_as_ever(self) -> None:
        transport = StringTransport()
        write_now(transport, [b"one", b"two"])
        self.transport.TLS = True
        self.transport.writeSequence = transport.writeSequence
        write_now(self.transport, [b"three"])
        self.assertEqual(transport.value(), b"onetwothree")

    def test_what_wraps_a_socket_in_tls_is_never_passed_by(self) -> None:
        class Wrapper(ProtocolWrapper):
            written = b""

            def writeSequence(self, data: Any) -> None:
                self.written = b"".join(data)

        wrapper: Any = Wrapper(WrappingFactory(Factory()), Protocol())  # type: ignore[no-untyped-call]
        wrapper.transport = self.transport
        write_now(wrapper, [b"secret"])
        self.assertEqual(wrapper.written, b"secret")
        self.far.setblocking(False)
        self.assertRaises(BlockingIOError, self.far.recv, 1)

    def test_after_the_end_nothing_is_sent(self) -> None:
        self.transport._writeDisconnected = True
        write_now(self.transport, [b"late"])
        self.assertEqual(self.reactor.getWriters(), [])


class ReadMoreTests(SynchronousTestCase):
    def test_a_busy_connection_is_read_in_longer_pieces_up_to_the_limit(self) -> None:
        transport: Any = StringTransport()
        transport.bufferSize = 65_536
        read_more(transport, 1000)
        self.assertEqual(transport.bufferSize, 65_536)
        for _ in range(5):
            read_more(transport, transport.bufferSize)
        self.assertEqual(transport.bufferSize, READ_MOST)

    def test_what_has_no_buffer_is_left_alone(self) -> None:
        read_more(object(), 65_536)
