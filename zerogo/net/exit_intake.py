# -*- test-case-name: zerogo.test.net.test_exit_intake -*-
"""Takes the connections of edges at a port of Twisted's: as many a turn as get through their handshake in time.

The others wait in the kernel's queue (`zerogo.exit.admission`). How long one has waited the kernel tells: an edge sends
its request, or its first message of TLS, as soon as it is connected, and nothing after it until it is answered. Those
that gave up meanwhile are closed, those that have waited too long are told when to come again. That costs neither a
protocol nor a cipher, a twentieth of a handshake; within TLS it would cost most of one, so there they are closed and
come again as their back-off has them come.
"""

from __future__ import annotations

import contextlib
import math
import socket
import struct
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zerogo.control.connection import origin_of
from zerogo.core import RandomBytes
from zerogo.exit.admission import WAIT_SECONDS, Intake, Tickets
from zerogo.net.websocket import HEAD_LIMIT

QUEUE_LIMIT = 4096
"""Connections that the kernel keeps waiting; its own bound (`net.core.somaxconn`) is as high on today's systems."""
SENT_AWAY_LIMIT = 256
"""In one turn, at most: those that are here have their turn, too."""
SAID_SECONDS = 60.0
"""Between two lines of the log that edges are sent away."""
_GONE = (7, 8)
"""TCP_CLOSE and TCP_CLOSE_WAIT: the other end has left."""
_LAST_DATA_RECEIVED = 52
"""Where `tcpi_last_data_recv` is in `struct tcp_info` (linux/tcp.h), a u32 of milliseconds. The first byte is the
state."""
_SENT_AWAY = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_log = Logger(namespace="zerogo.exit.intake")


def waited(sock: socket.socket) -> float | None:
    """For how many seconds nothing came on a connection; None where its other end has closed it. 0 where the kernel,
    which is no Linux then, does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return 0.0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED + 4)
    except OSError:
        return None
    if info[0] in _GONE:
        return None
    return float(struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)[0]) / 1000


class LateEdges:
    """Those of all ports who have waited too long."""

    def __init__(self, clock: IReactorTime, rng: RandomBytes) -> None:
        self.clock = clock
        self.tickets = Tickets()
        self.count = 0
        """Who were sent away, since the start."""
        self._rng = rng
        self._said_at: float | None = None

    def send_away(self, sock: socket.socket, host: str, *, is_plain: bool) -> None:
        """Close that connection of `host`; where it `is_plain`, tell its other end when to come again."""
        self.count += 1
        now = self.clock.seconds()
        if self._said_at is None or now - self._said_at >= SAID_SECONDS:
            self._said_at = now
            _log.warn(
                "[DIAG] more edges come than there is time for ({rate} in a second): some have to come again",
                event="edges-sent-away",
                rate=round(self.tickets.rate(now)),
            )
        with sock, contextlib.suppress(OSError):
            sock.setblocking(False)
            if is_plain:
                # What is not read would make the kernel break the connection off, and the answer with it.
                sock.recv(HEAD_LIMIT)
                chance = int.from_bytes(self._rng(4), "big") / 2**32
                sock.send(_SENT_AWAY.format(math.ceil(self.tickets.draw(origin_of(host), chance, now))).encode("ascii"))


class EdgeIntake:
    """At one port, instead of Twisted's own way; without `is_plain` what comes in there is TLS."""

    def __init__(self, port: Any, late: LateEdges, *, is_plain: bool) -> None:
        self._port = port
        self._late = late
        self._is_plain = is_plain
        self._intake = Intake()
        port.socket.listen(QUEUE_LIMIT)
        port.doRead = self.accept

    def hold(self, is_held: bool) -> None:
        """Take none until it is called off."""
        if self._port.connected:
            self._intake.end(is_more=False)
            (self._port.stopReading if is_held else self._port.startReading)()

    def accept(self) -> None:
        """As many as may be; called in each turn of the reactor in which some are waiting."""
        most, left = self._intake.begin(self._late.clock.seconds()), SENT_AWAY_LIMIT
        while most and left:
            try:
                sock, peer = self._port.socket.accept()
            except BlockingIOError:
                break
            except OSError:
                # Too many open files, most likely: Twisted gives one up that it holds ready, and turns people away.
                self._port.numberAccepts = 1
                tcp.Port.doRead(self._port)
                break
            seconds = waited(sock)
            if seconds is None:
                sock.close()
                left -= 1
            elif seconds > WAIT_SECONDS:
                self._late.send_away(sock, peer[0], is_plain=self._is_plain)
                left -= 1
            else:
                self._take(sock, peer)
                most -= 1
        self._intake.end(is_more=not most or not left)

    def _take(self, sock: socket.socket, peer: Any) -> None:
        """A bug costs this connection: what is raised into the reactor would close the port for all."""
        port, transport = self._port, None
        try:
            if len(peer) > 2:
                peer = (*socket.getnameinfo(peer, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[:1], *peer[1:])
            protocol = port.factory.buildProtocol(port._buildAddr(peer))
            if protocol is None:
                sock.close()
            else:
                transport = port.transport(sock, protocol, peer, port, 0, port.reactor)
                protocol.makeConnection(transport)
        except Exception:
            _log.failure("A bug in taking the connection of an edge")
            if transport is None:
                sock.close()
            else:
                transport.abortConnection()
