"""An epoll reactor that loops without a context for each event does what it did."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.polling import poll_plainly


class Reader:
    """Notes what it reads; raises at the byte x, as a bug would."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket, self.got = sock, b""
        self.lost: Any = None

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:
        return "-"

    def doRead(self) -> None:
        self.got += self.socket.recv(10)

    def connectionLost(self, reason: object) -> None:
        self.lost = reason
        raise ValueError("a bug at the end")


class PollPlainlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.assertTrue(poll_plainly(self.reactor))
        self.ends = socket.socketpair()
        for end in self.ends:
            self.addCleanup(end.close)

    def test_what_is_ready_is_read(self) -> None:
        reader = Reader(self.ends[0])
        self.reactor.addReader(reader)
        self.ends[1].send(b"a byte")
        self.reactor.doIteration(1)
        self.assertEqual(reader.got, b"a byte")
        self.reactor.removeReader(reader)
        self.reactor.doIteration(0)

    def test_a_bug_at_an_end_is_logged_and_ends_nothing_else(self) -> None:
        reader = Reader(self.ends[0])
        self.reactor.addReader(reader)
        reader.doRead = lambda: ValueError("no more")  # type: ignore[method-assign,assignment,return-value]
        self.ends[1].send(b"a byte")
        self.reactor.doIteration(1)
        self.assertIsNotNone(reader.lost)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_other_reactors_are_left_alone(self) -> None:
        self.assertFalse(poll_plainly(SelectReactor.__new__(SelectReactor)))
