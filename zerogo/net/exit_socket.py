# -*- test-case-name: zerogo.test.net.test_exit_socket -*-
"""TCP connections of users and targets: Twisted's, without what a short one need not pay for.

A stream's connection lives for a few reads. Of what an exit spends on it, Twisted's ways of making, half-closing and
ending a connection were the largest part: names for a log that nobody reads, a turn of the reactor and two changes of
the epoll set before a half is closed, a connector, a factory and three Deferreds for a dial. `StreamSocket` is a
`twisted.internet.tcp.Server` in all that it does with bytes. `Dialler` connects to an address that was looked up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any, Protocol

from twisted.internet import error, tcp
from twisted.internet.address import IPv6Address
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.exit.reason import Reason
from zerogo.net.timeouts import Timeouts

CONNECT_SECONDS = 8.0
ACCEPTS_LIMIT = 100
"""Connections that are taken in one turn, at most: those that are there have their turn, too."""

_log = Logger(namespace="zerogo.exit.socket")


class StreamSocket(tcp.Server):
    """A connection. Its protocol knows of halves, and is not told that we closed ours: it did so itself."""

    logstr = "stream"
    repstr = "<connection of a stream>"
    _is_reading = False
    _is_ended = False
    """Whether the other end's last byte was read."""
    _is_writing = False

    def __init__(self, sock: socket.socket, protocol: Any, client: Any, server: Any, number: int, reactor: Any) -> None:
        # Not `Server.__init__`, which looks up names for the log; what else it and its bases set is here.
        sock.setblocking(False)
        self.socket, self.fileno, self.protocol, self.reactor = sock, sock.fileno, protocol, reactor
        self._tempDataBuffer: list[bytes] = []
        self._tempDataLen = 0
        self.client, self.server, self.sessionno, self.hostname = client, server, number, client[0]
        if ":" in client[0]:
            self._addressType = IPv6Address
        self.connected = 1
        self.startReading()

    def startReading(self) -> None:
        if not self._is_reading and not self._is_ended:
            self._is_reading = True
            self.reactor.addReader(self)

    def stopReading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self.reactor.removeReader(self)

    def startWriting(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self.reactor.addWriter(self)

    def stopWriting(self) -> None:
        if self._is_writing:
            self._is_writing = False
            self.reactor.removeWriter(self)

    def doRead(self) -> error.ConnectionLost | error.ConnectionDone | None:  # type: ignore[override]
        try:
            data = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def readConnectionLost(self, reason: Failure) -> None:
        # The reactor has stopped reading by itself.
        self._is_reading, self._is_ended = False, True
        try:
            self.protocol.readConnectionLost()  # type: ignore[attr-defined]
        except Exception:
            _log.failure("A bug at the end of a connection")
            self.connectionLost(Failure())

    def loseConnection(self) -> None:
        # Nothing comes any more, and nothing is to be sent: to wait for the reactor would cost it an event.
        is_idle = self._is_ended and not self.dataBuffer and not self._tempDataBuffer
        if is_idle and self.connected and not self.disconnecting and not self._aborting:
            self.connectionLost(connectionDone)
        else:
            super().loseConnection()  # type: ignore[no-untyped-call]

    def loseWriteConnection(self) -> None:
        if self.connected and not self._writeDisconnecting and not self.dataBuffer and not self._tempDataBuffer:
            self._writeDisconnecting = self._writeDisconnected = True
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        else:
            super().loseWriteConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        if not hasattr(self, "socket"):
            return
        self.disconnected, self.connected = 1, 0
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.stopReading()
        self.stopWriting()
        self._closeSocket(not isinstance(reason.value, error.ConnectionAborted))
        protocol = self.protocol
        del self.protocol, self.socket, self.fileno
        protocol.connectionLost(reason)

    def _closeSocket(self, orderly: bool) -> None:
        if not orderly:
            super()._closeSocket(False)  # type: ignore[no-untyped-call]
            return
        with contextlib.suppress(OSError):
            self.socket.close()


class StreamMaker(Protocol):
    """Who speaks on connections that are accepted."""

    def protocol_for(self, host: str) -> Any:
        """Who speaks on a connection from there; None where it is not taken."""


class Acceptor:
    """Takes connections at a port of Twisted's, which does so with an object for each address and a log for each turn.

    As many as were there in one turn are asked for in the next one, and one more would not be there, so that the kernel
    is seldom asked in vain.
    """

    def __init__(self, port: Any, maker: StreamMaker) -> None:
        self._port = port
        self._maker = maker
        self._most = 1
        port.doRead = self.accept

    def accept(self) -> None:
        """What is there."""
        port, accepted = self._port, 0
        while accepted < self._most:
            try:
                sock, peer = port.socket.accept()
            except BlockingIOError:
                break
            except OSError:
                # Too many open files, most likely: Twisted gives one up that it holds ready, and turns people away.
                tcp.Port.doRead(port)
                return
            accepted += 1
            self._take(sock, peer)
        self._most = min(ACCEPTS_LIMIT, 2 * accepted) if accepted == self._most else max(1, accepted)

    def _take(self, sock: socket.socket, peer: Any) -> None:
        """A bug costs this connection: what is raised into the reactor would close the port for all."""
        transport = None
        try:
            if len(peer) > 2:
                peer = (*socket.getnameinfo(peer, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[:1], *peer[1:])
            protocol = self._maker.protocol_for(peer[0])
            if protocol is None:
                sock.close()
            else:
                transport = StreamSocket(sock, protocol, peer, self._port, 0, self._port.reactor)
                protocol.makeConnection(transport)
        except Exception:
            _log.failure("A bug in taking a connection")
            if transport is None:
                sock.close()
            else:
                transport.abortConnection()  # type: ignore[no-untyped-call]


class DialOwner(Protocol):
    """Who wants a connection."""

    def dialled(self, dial: Dial, sock: socket.socket) -> None:
        """It is there, and yours."""

    def dial_failed(self, dial: Dial, reason: Reason) -> None:
        """It is not, and nothing follows."""


class Dial:
    """A connection that is being made. To the reactor it is something that may be written to."""

    def __init__(self, dialler: Dialler, owner: DialOwner, host: str, port: int) -> None:
        self.peer = (host, port)
        self._dialler = dialler
        self._owner = owner
        self._socket: socket.socket | None = None

    def begin(self) -> None:
        """Raises `OSError` where the kernel refuses at once."""
        sock = socket.socket(socket.AF_INET6 if ":" in self.peer[0] else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = sock.connect_ex(self.peer)
            if number not in (0, errno.EINPROGRESS):
                raise OSError(number, os.strerror(number))
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self._dialler.reactor.addWriter(self)

    def cancel(self) -> None:
        """It is not wanted any more; the owner is not told."""
        sock = self._take()
        if sock is not None:
            sock.close()

    def fail(self, reason: Reason) -> None:
        """Give up, and tell the owner."""
        if self._socket is not None:
            self.cancel()
            self._owner.dial_failed(self, reason)

    def _take(self) -> socket.socket | None:
        self._dialler.waiting.discard(self)
        sock = self._socket
        if sock is not None:
            self._dialler.reactor.removeWriter(self)
            self._socket = None
        return sock

    # ----- for the reactor

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        return "dial"

    def doWrite(self) -> None:
        """It is there, or it has failed."""
        if self._socket is None:
            return
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self.fail(reason_of(number))
            return
        sock = self._take()
        assert sock is not None
        self._owner.dialled(self, sock)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor's word for a socket with an error."""
        if self._socket is not None:
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.fail(reason_of(number or errno.ECONNREFUSED))


class Dialler:
    """Makes connections to addresses; none takes longer than `CONNECT_SECONDS`. `reactor` is IReactorTime and
    IReactorFDSet."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.waiting: Timeouts[Dial] = Timeouts(reactor, CONNECT_SECONDS, lambda dial: dial.fail(Reason.TIMED_OUT))

    def dial(self, host: str, port: int, owner: DialOwner) -> Dial:
        """Begin; the owner is told later, never before this returns."""
        dial = Dial(self, owner, host, port)
        try:
            dial.begin()
        except OSError as problem:
            self.reactor.callLater(0, owner.dial_failed, dial, reason_of(problem.errno))
        else:
            self.waiting.add(dial)
        return dial

    def stop(self) -> None:
        """Wait for none any more."""
        self.waiting.stop()


_BY_ERRNO = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ENETUNREACH: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Reason.HOST_UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMED_OUT,
    errno.ECONNRESET: Reason.BROKEN,
    errno.EACCES: Reason.POLICY,
    errno.EPERM: Reason.POLICY,
    errno.EAFNOSUPPORT: Reason.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.NETWORK_UNREACHABLE,
    errno.EMFILE: Reason.OVERLOADED,
    errno.ENFILE: Reason.OVERLOADED,
}


def reason_of(number: int | None) -> Reason:
    """What a failed connection means."""
    return _BY_ERRNO.get(number or 0, Reason.HOST_UNREACHABLE)
