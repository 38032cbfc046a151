"""A stream and a connection, coupled: every arrow stops the one before it, and ends are passed on as what they are."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.frames import Command
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.exit.stream import INITIAL_CREDIT
from zerogo.exit.target import Target
from zerogo.net.exit_socket import StreamSocket
from zerogo.net.exit_splice import Counted, Splice
from zerogo.test.net.exit_link import Link, Stream, Transport


class Counter(Counted):
    def __init__(self) -> None:
        self.up = self.down = 0
        self.ends: list[Reason | None] = []

    def sent(self, count: int) -> None:
        self.up += count

    def received(self, count: int) -> None:
        self.down += count

    def closed(self, reason: Reason | None) -> None:
        self.ends.append(reason)


class SpliceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = Link()
        self.far = Stream()
        self.number = self.link.gateway.open(Command.CONNECT, Target("example.net", 443), Stream())
        self.link.settle()
        self.link.confirm()
        self.link.edge.own(self.number, self.far)
        self.transport, self.counter = Transport(), Counter()
        self.splice = Splice(self.link.gateway, self.number, self.transport, counted=self.counter)

    def test_bytes_pass_and_are_counted_both_ways(self) -> None:
        self.splice.connection_received(b"up")
        self.link.edge.write(self.number, b"down")
        self.link.settle()
        self.assertEqual((self.far.data, self.transport.value()), (b"up", b"down"))
        self.assertEqual((self.counter.up, self.counter.down), (2, 4))

    def test_a_full_connection_stops_the_far_writer_at_its_credit(self) -> None:
        self.splice.pauseProducing()
        self.link.edge.write(self.number, bytes(2 * INITIAL_CREDIT))
        self.link.settle()
        self.assertEqual(self.transport.value(), b"")
        self.assertEqual(self.link.gateway.tunnel.mux._streams[self.number].backlog, INITIAL_CREDIT)
        self.splice.resumeProducing()
        self.link.settle()
        self.assertEqual(len(self.transport.value()), 2 * INITIAL_CREDIT)

    def test_a_full_stream_stops_the_connection_and_starts_it_again(self) -> None:
        self.splice.connection_received(bytes(3 * INITIAL_CREDIT))
        self.link.settle()
        self.assertEqual(self.transport.producerState, "paused")
        self.link.edge.call(self.link.edge.tunnel.mux.consume, self.number, INITIAL_CREDIT)
        self.link.settle()
        self.link.edge.call(self.link.edge.tunnel.mux.consume, self.number, INITIAL_CREDIT)
        self.link.settle()
        self.assertEqual(self.transport.producerState, "producing")

    def test_each_half_is_closed_by_itself_and_then_the_connection(self) -> None:
        self.splice.connection_finished()
        self.link.settle()
        self.assertIn("finished", self.far.happened)
        self.assertFalse(self.transport.disconnecting)
        self.link.edge.write(self.number, b"still")
        self.link.edge.call(self.link.edge.tunnel.mux.finish, self.number)
        self.link.settle()
        self.assertEqual(self.transport.value(), b"still")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.counter.ends, [None])

    def test_the_half_towards_the_connection_is_closed_while_the_other_goes_on(self) -> None:
        self.link.edge.call(self.link.edge.tunnel.mux.finish, self.number)
        self.link.settle()
        self.assertTrue(self.transport.is_write_closed)
        self.assertFalse(self.transport.disconnecting)
        self.splice.connection_received(b"more")
        self.splice.connection_finished()
        self.link.settle()
        self.assertEqual(self.far.data, b"more")
        self.assertTrue(self.transport.disconnecting)

    def test_what_is_held_goes_before_the_end(self) -> None:
        self.splice.pauseProducing()
        self.link.edge.write(self.number, b"last words")
        self.link.edge.call(self.link.edge.tunnel.mux.finish, self.number)
        self.link.settle()
        self.assertFalse(self.transport.is_write_closed)
        self.splice.resumeProducing()
        self.assertEqual((self.transport.value(), self.transport.is_write_closed), (b"last words", True))

    def test_the_end_reaches_a_reader_that_was_too_slow_for_the_last_piece(self) -> None:
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        far.setblocking(False)
        reactor: Any = MemoryReactorClock()
        transport: Any = StreamSocket(near, Protocol(), ("",), None, 0, reactor)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.bufferSize = 4096
        Splice(self.link.gateway, self.number, transport)
        sent = bytes(100_000)
        self.link.edge.write(self.number, sent)
        self.link.edge.call(self.link.edge.tunnel.mux.finish, self.number)
        self.link.settle()
        self.assertTrue(transport._isSendBufferFull())
        got = b""
        while reactor.getWriters():
            self.assertIsNone(transport.doWrite())
            got += far.recv(len(sent))
        self.assertEqual((len(got), far.recv(1)), (len(sent), b""))

    def test_broken_is_not_finished_in_either_direction(self) -> None:
        self.splice.connection_lost(is_clean=False)
        self.link.settle()
        self.assertEqual(self.far.happened[-1], Reason.BROKEN)
        self.setUp()
        self.link.edge.reset(self.number, Reason.BROKEN)
        self.link.settle()
        self.assertTrue(self.transport.is_aborted)
        self.assertEqual(self.counter.ends, [Reason.BROKEN])

    def test_a_kill_ends_both(self) -> None:
        self.splice.kill(Reason.QUOTA)
        self.link.settle()
        self.assertTrue(self.transport.is_aborted)
        self.assertEqual((self.far.happened[-1], self.counter.ends), (Reason.QUOTA, [Reason.QUOTA]))

    def test_rates_hold_in_both_directions(self) -> None:
        now = self.link.clock.seconds()
        limits = RateLimit(100_000, now), RateLimit(50_000, now)
        self.transport.unregisterProducer()
        splice = Splice(self.link.gateway, self.number, self.transport, limits=limits)
        splice.connection_received(bytes(125_000))
        self.assertEqual(self.transport.producerState, "paused")
        self.link.clock.advance(1.1)
        self.assertEqual(self.transport.producerState, "producing")
        for _ in range(10):
            self.link.edge.write(self.number, bytes(20_000))
            self.link.settle()
        got = len(self.transport.value())
        self.assertLess(got, 60_000)
        for _ in range(50):
            self.link.clock.advance(0.1)
        self.assertEqual(len(self.transport.value()), 200_000)
