"""Streams' connections close half by half, and dials end in a socket or in a reason."""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from zerogo.exit.reason import Reason
from zerogo.net import exit_socket
from zerogo.net.exit_socket import CONNECT_SECONDS, Acceptor, Dial, Dialler, StreamSocket, reason_of

HOST = "127.0.0.1"
TURNS = 1000


@implementer(IHalfCloseableProtocol)
class Noting(Protocol):
    """Notes what happens to its connection."""

    def __init__(self) -> None:
        self.got = b""
        self.is_ended = False
        self.lost: list[type] = []

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def readConnectionLost(self) -> None:
        self.is_ended = True

    def writeConnectionLost(self) -> None:
        """Not told."""

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.append(type(reason.value))


class Owner:
    """Of dials."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.reasons: list[Reason] = []

    def dialled(self, dial: Dial, sock: socket.socket) -> None:
        self.sockets.append(sock)

    def dial_failed(self, dial: Dial, reason: Reason) -> None:
        self.reasons.append(reason)


class SocketTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = EPollReactor()
        self.addCleanup(self.reactor._poller.close)

    def turn_until(self, is_done: Any) -> None:
        for _ in range(TURNS):
            if is_done():
                return
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0.01)
        self.fail("it does not happen")


class StreamSocketTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        with socket.create_server((HOST, 0)) as listening:
            self.far = socket.create_connection(listening.getsockname())
            near, peer = listening.accept()
        self.addCleanup(self.far.close)
        self.far.settimeout(10)
        self.protocol = Noting()
        self.transport = StreamSocket(near, self.protocol, peer, None, 0, self.reactor)
        self.protocol.makeConnection(self.transport)

    def test_one_half_is_closed_at_once_and_the_other_goes_on(self) -> None:
        self.transport.loseWriteConnection()
        self.assertEqual(self.far.recv(1), b"")
        self.far.sendall(b"more")
        self.far.close()
        self.turn_until(lambda: self.protocol.is_ended)
        self.assertEqual((self.protocol.got, self.protocol.lost), (b"more", []))
        self.transport.loseConnection()
        self.assertEqual(self.protocol.lost, [ConnectionDone])
        self.assertNotIn(self.transport, self.reactor.getReaders() + self.reactor.getWriters())

    def test_after_the_last_byte_it_is_closed_at_once(self) -> None:
        self.far.shutdown(socket.SHUT_WR)
        self.turn_until(lambda: self.protocol.is_ended)
        self.transport.write(b"the end")
        self.turn_until(lambda: not self.reactor.getWriters())
        self.transport.loseConnection()
        self.assertEqual(self.protocol.lost, [ConnectionDone])
        self.assertEqual((self.far.recv(100), self.far.recv(1)), (b"the end", b""))
        self.assertNotIn(self.transport, self.reactor.getReaders() + self.reactor.getWriters())

    def test_a_bug_at_the_end_of_one_half_ends_the_connection(self) -> None:
        self.protocol.readConnectionLost = lambda: 1 // 0
        self.far.shutdown(socket.SHUT_WR)
        self.turn_until(lambda: self.protocol.lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_reset_is_no_end(self) -> None:
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.far.close()
        self.turn_until(lambda: self.protocol.lost)
        self.assertEqual((self.protocol.lost, self.protocol.is_ended), ([ConnectionLost], False))

    def test_what_waits_goes_before_the_end(self) -> None:
        sent = bytes(20_000_000)
        self.transport.write(sent)
        self.transport.loseWriteConnection()
        self.far.setblocking(False)
        got = 0

        def is_over() -> bool:
            nonlocal got
            try:
                piece = self.far.recv(1 << 20)
            except BlockingIOError:
                return False
            got += len(piece)
            return not piece

        self.turn_until(is_over)
        self.assertEqual(got, len(sent))

    def test_what_was_paused_is_read_when_it_goes_on(self) -> None:
        self.transport.pauseProducing()
        self.far.sendall(b"later")
        self.reactor.doIteration(0)
        self.assertEqual(self.protocol.got, b"")
        self.transport.resumeProducing()
        self.turn_until(lambda: self.protocol.got == b"later")

    def test_after_the_last_byte_it_is_not_read_again(self) -> None:
        self.far.shutdown(socket.SHUT_WR)
        self.turn_until(lambda: self.protocol.is_ended)
        self.transport.resumeProducing()
        self.assertNotIn(self.transport, self.reactor.getReaders())
        self.transport.write(b"an answer")
        self.turn_until(lambda: not self.reactor.getWriters())
        self.assertEqual(self.far.recv(100), b"an answer")
        self.transport.abortConnection()
        self.turn_until(lambda: self.protocol.lost == [ConnectionAborted])

    def test_what_is_broken_off_is_not_closed_in_order_in_the_same_turn(self) -> None:
        self.far.shutdown(socket.SHUT_WR)
        self.turn_until(lambda: self.protocol.is_ended)
        self.transport.abortConnection()
        self.transport.loseConnection()
        self.turn_until(lambda: self.protocol.lost)
        self.assertEqual(self.protocol.lost, [ConnectionAborted])
        self.assertRaises(ConnectionResetError, self.far.recv, 1)


class Maker(Factory[Noting]):
    """Of protocols."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.made: list[Noting] = []

    def protocol_for(self, host: str) -> Noting | None:
        self.hosts.append(host)
        if len(self.hosts) > 5:
            return None
        self.made.append(Noting())
        return self.made[-1]

    def buildProtocol(self, addr: Any) -> Noting | None:
        return self.protocol_for(addr.host)


class AcceptorTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.maker = Maker()
        self.port: Any = self.reactor.listenTCP(0, self.maker, interface=HOST)
        self.addCleanup(self.port.connectionLost, None)
        Acceptor(self.port, self.maker)

    def connected(self) -> socket.socket:
        far = socket.create_connection((HOST, self.port.getHost().port), 10)
        self.addCleanup(far.close)
        return far

    def test_connections_are_taken_until_nobody_speaks_on_them(self) -> None:
        ends = [self.connected() for _ in range(7)]
        self.turn_until(lambda: len(self.maker.hosts) == 7)
        self.assertEqual(self.maker.hosts, [HOST] * 7)
        self.assertEqual([end.recv(1) for end in ends[5:]], [b"", b""])
        ends[0].sendall(b"hello")
        self.turn_until(lambda: self.maker.made[0].got == b"hello")
        transport: Any = self.maker.made[0].transport
        self.assertIs(type(transport), StreamSocket)
        self.assertEqual(transport.getPeer().port, ends[0].getsockname()[1])
        self.assertEqual(transport.getHost().port, self.port.getHost().port)

    def test_a_bug_in_taking_one_costs_that_one_and_others_come_in(self) -> None:
        speaker, last = Noting(), Noting()
        speaker.connectionMade = lambda: 1 // 0
        made = [None, speaker, last]
        self.maker.protocol_for = lambda host: made.pop(0) or 1 // 0
        ends = [self.connected() for _ in range(3)]
        ends[2].sendall(b"hello")
        self.turn_until(lambda: last.got == b"hello")
        self.assertEqual(ends[0].recv(1), b"")
        self.turn_until(lambda: speaker.lost)
        self.assertRaises(ConnectionResetError, ends[1].recv, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual((speaker.lost, last.lost), ([ConnectionAborted], []))

    def test_one_turn_takes_as_many_as_the_one_before_and_more_where_that_was_not_enough(self) -> None:
        for _ in range(4):
            self.connected()
        counts = []
        for _ in range(3):
            self.port.doRead()
            counts.append(len(self.maker.hosts))
        self.assertEqual(counts, [1, 3, 4])

    def test_where_no_file_is_left_twisted_has_its_way(self) -> None:
        self.connected()
        real, failures = self.port.socket, [OSError(errno.EMFILE, "")]

        class Full:
            def accept(self) -> Any:
                if failures:
                    raise failures.pop()
                return real.accept()

        self.port.socket = Full()
        self.port.doRead()
        self.port.socket = real
        self.assertEqual((self.maker.hosts, failures), ([HOST], []))


class DiallerTests(SocketTestCase):
    def test_a_connection_is_handed_over_or_refused(self) -> None:
        owner, dialler = Owner(), Dialler(self.reactor)
        self.addCleanup(dialler.stop)
        with socket.create_server((HOST, 0)) as listening:
            port = listening.getsockname()[1]
            dialler.dial(HOST, port, owner)
            self.turn_until(lambda: owner.sockets)
            taken, _ = listening.accept()
        owner.sockets[0].close()
        taken.close()
        dialler.dial(HOST, port, owner)
        self.turn_until(lambda: owner.reasons)
        self.assertEqual((owner.reasons, len(owner.sockets), len(dialler.waiting)), ([Reason.REFUSED], 1, 0))
        self.assertEqual(self.reactor.getWriters(), [])

    def test_silence_ends_and_who_is_called_off_is_told_nothing(self) -> None:
        clock: Any = MemoryReactorClock()
        owner, dialler = Owner(), Dialler(clock)
        with socket.create_server((HOST, 0)) as listening:
            silent, unwanted = (dialler.dial(HOST, listening.getsockname()[1], owner) for _ in range(2))
            unwanted.cancel()
            clock.advance(CONNECT_SECONDS)
        self.assertEqual((owner.reasons, owner.sockets), ([Reason.TIMED_OUT], []))
        self.assertEqual((clock.getWriters(), silent.fileno()), ([], -1))

    def test_what_fails_at_once_is_told_a_turn_later(self) -> None:
        def none_left(*arguments: object) -> None:
            raise OSError(errno.EMFILE, "too many")

        clock: Any = MemoryReactorClock()
        owner = Owner()
        self.patch(exit_socket.socket, "socket", none_left)
        Dialler(clock).dial(HOST, 80, owner)
        self.assertEqual(owner.reasons, [])
        clock.advance(0)
        self.assertEqual(owner.reasons, [Reason.OVERLOADED])

    def test_errors_have_their_reason(self) -> None:
        for number, reason in (
            (errno.ECONNREFUSED, Reason.REFUSED),
            (errno.ETIMEDOUT, Reason.TIMED_OUT),
            (errno.ENETUNREACH, Reason.NETWORK_UNREACHABLE),
            (errno.EHOSTUNREACH, Reason.HOST_UNREACHABLE),
            (errno.EMFILE, Reason.OVERLOADED),
            (None, Reason.HOST_UNREACHABLE),
        ):
            self.assertIs(reason_of(number), reason)
