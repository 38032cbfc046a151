"""Connections of edges are taken while there is time for them; who waited too long is told when to come again."""

from __future__ import annotations

import errno
import fcntl
import math
import re
import select
import socket
import struct
import termios
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.admission import SOURCE_PART, TAKEN_AT_FIRST, TICKET_SECONDS, WAIT_SECONDS
from zerogo.net import exit_intake
from zerogo.net.exit_intake import SAID_SECONDS, EdgeIntake, LateEdges, waited
from zerogo.test.net.test_exit_socket import Noting

HOST = "127.0.0.1"
TURNS = 1000
CHANCE = 0x80808080 / 2**32
REQUEST = b"GET /exit/v1/edge HTTP/1.1\r\n\r\n"


class IntakeCase(SynchronousTestCase):
    IS_PLAIN = True

    def setUp(self) -> None:
        self.reactor: Any = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.made: list[Noting] = []
        self.factory = Factory()
        self.factory.noisy = False
        self.factory.buildProtocol = self.build  # type: ignore[method-assign, assignment]
        self.port: Any = self.reactor.listenTCP(0, self.factory, interface=HOST)
        self.addCleanup(self.port.connectionLost, None)
        self.clock = Clock()
        self.late = LateEdges(self.clock, lambda count: b"\x80" * count)
        self.intake = EdgeIntake(self.port, self.late, is_plain=self.IS_PLAIN)
        self.said: list[Any] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.ages()

    def observe(self, event: dict[str, Any]) -> None:
        if event.get("event") == "edges-sent-away":
            self.said.append(event["rate"])

    def build(self, addr: Any) -> Noting | None:
        self.made.append(Noting())
        return self.made[-1]

    def connected(self, count: int = 1) -> list[socket.socket]:
        far = []
        for _ in range(count):
            far.append(socket.create_connection((HOST, self.port.getHost().port), 10))
            self.addCleanup(far[-1].close)
            far[-1].sendall(REQUEST)
        for each in far:
            self.wait_until_arrived(each)
        return far

    def wait_until_arrived(self, end: socket.socket) -> None:
        """Until the other end's kernel has what was sent, and so has put the connection into its queue."""
        for _ in range(TURNS):
            if not struct.unpack("i", fcntl.ioctl(end, termios.TIOCOUTQ, b"\0" * 4))[0]:
                return
            select.select([], [], [], 0.01)
        self.fail("it does not arrive")

    def ages(self, *seconds: float | None) -> None:
        """Of the connections that are taken from here on; 0 of further ones, however long the machine stood still."""
        left = list(seconds)
        self.patch(exit_intake, "waited", lambda sock: left.pop(0) if left else 0.0)

    def turns(self, count: int = 1) -> None:
        for _ in range(count):
            self.intake.accept()


class EdgeIntakeTests(IntakeCase):
    def test_those_who_have_just_come_are_taken_and_spoken_with(self) -> None:
        ends = self.connected(3)
        for _ in range(TURNS):
            if len(self.made) == 3 and all(each.got == REQUEST for each in self.made):
                break
            self.reactor.doIteration(0.01)
        self.assertEqual([each.got for each in self.made], [REQUEST] * 3)
        transports: list[Any] = [each.transport for each in self.made]
        self.assertEqual([each.getPeer().port for each in transports], [end.getsockname()[1] for end in ends])

    def test_no_more_are_taken_in_a_turn_than_may_be(self) -> None:
        self.connected(TAKEN_AT_FIRST + 3)
        self.turns()
        self.assertEqual(len(self.made), TAKEN_AT_FIRST)
        self.turns()
        self.assertEqual(len(self.made), TAKEN_AT_FIRST + 3)

    def test_after_a_long_turn_fewer_are_taken(self) -> None:
        self.connected(TAKEN_AT_FIRST + 9)
        self.turns()
        self.clock.advance(1)
        self.turns()
        self.assertEqual(len(self.made), TAKEN_AT_FIRST + TAKEN_AT_FIRST // 2)

    def test_who_waited_too_long_is_told_when_to_come_again_and_the_next_is_taken(self) -> None:
        late, _ = self.connected(2)
        self.ages(WAIT_SECONDS + 0.1, WAIT_SECONDS - 0.1)
        self.turns()
        answer = late.makefile("rb").read()
        self.assertRegex(answer, rb"\AHTTP/1\.1 503 .*\r\n(.*\r\n)*\r\n\Z")
        self.assertEqual(re.findall(rb"\r\nRetry-After: (\d+)\r\n", answer), [b"1"])
        self.assertEqual((len(self.made), self.late.count), (1, 1))

    def test_who_left_meanwhile_is_closed_and_not_counted(self) -> None:
        self.connected(2)
        self.ages(None, 0.0)
        self.turns()
        self.assertEqual((len(self.made), self.late.count), (1, 0))

    def test_those_of_one_address_draw_from_one_part_of_the_line(self) -> None:
        for _ in range(10_000):
            self.late.tickets.draw(HOST, 0.5, 0.0)
        (late,) = self.connected()
        self.ages(9.0)
        self.turns()
        seconds = math.ceil(TICKET_SECONDS * (SOURCE_PART + (1 - SOURCE_PART) * CHANCE))
        self.assertIn(b"\r\nRetry-After: %d\r\n" % seconds, late.makefile("rb").read())

    def test_the_log_says_so_once_a_minute(self) -> None:
        self.connected(3)
        self.ages(9.0, 9.0, 9.0)
        self.turns()
        self.connected()
        self.clock.advance(SAID_SECONDS)
        self.ages(9.0)
        self.turns()
        self.assertEqual(self.said, [20, 20])

    def test_a_bug_in_taking_one_costs_that_one_and_others_come_in(self) -> None:
        made = [None, Noting()]
        speaker = Noting()
        speaker.connectionMade = lambda: 1 // 0  # type: ignore[method-assign, assignment, return-value]
        protocols = [lambda: 1 // 0, lambda: None, lambda: speaker, made.pop]
        self.factory.buildProtocol = lambda addr: protocols.pop(0)()  # type: ignore[method-assign]
        ends = self.connected(4)
        self.turns()
        self.assertEqual((made, len(self.flushLoggedErrors(ZeroDivisionError))), ([None], 2))
        for _ in range(TURNS):
            if speaker.lost:
                break
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0.01)
        self.assertEqual(len(speaker.lost), 1)
        for end in ends[:2]:
            self.assertRaises(ConnectionResetError, end.recv, 1)

    def test_where_no_file_is_left_twisted_has_its_way(self) -> None:
        self.connected()
        real, failures = self.port.socket, [OSError(errno.EMFILE, "")]

        class Full:
            def accept(self) -> Any:
                if failures:
                    raise failures.pop()
                return real.accept()

        self.port.socket = Full()
        self.addCleanup(setattr, self.port, "socket", real)
        self.turns()
        self.assertEqual((len(self.made), failures), (1, []))


class TlsIntakeTests(IntakeCase):
    IS_PLAIN = False

    def test_within_tls_who_waited_too_long_is_closed_without_a_word(self) -> None:
        (late,) = self.connected()
        self.ages(9.0)
        self.turns()
        self.assertRaises(ConnectionResetError, late.recv, 1)
        self.assertEqual((self.made, self.late.count), ([], 1))


class WaitedTests(SynchronousTestCase):
    def setUp(self) -> None:
        with socket.create_server((HOST, 0)) as listening:
            self.far = socket.create_connection(listening.getsockname())
            self.near, _ = listening.accept()
        self.addCleanup(self.far.close)
        self.addCleanup(self.near.close)

    def test_it_grows_until_something_comes(self) -> None:
        for _ in range(TURNS):
            if (waited(self.near) or 0.0) > 0.1:
                break
            select.select([], [], [], 0.02)
        self.assertGreater(waited(self.near) or 0.0, 0.1)
        for _ in range(TURNS):
            self.far.send(b"x")
            select.select([self.near], [], [], 1)
            if (waited(self.near) or 0.0) < 0.1:
                return
        self.fail("it never falls")

    def test_who_closed_the_connection_waits_no_more(self) -> None:
        self.far.close()
        select.select([self.near], [], [], 10)
        self.assertIsNone(waited(self.near))
