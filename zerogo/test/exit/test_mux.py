"""Streams share a tunnel fairly, keep their credit, and end as they should."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError, ParseError
from zerogo.exit.budget import Budget
from zerogo.exit.events import DatagramReceived, GoingAway, Writable
from zerogo.exit.frames import Command, Datagram, Kind, Open, emit_open, frame, split_frames
from zerogo.exit.mux import Mux
from zerogo.exit.reason import Reason
from zerogo.exit.stream import DATAGRAMS_LIMIT, INITIAL_CREDIT, QUEUE_HIGH, WINDOW_LIMIT
from zerogo.exit.target import Target
from zerogo.test.exit.wires import pair

TARGET = Target("example.net", 443)
ROOM = 65_000


def kinds(packet: bytes | None) -> list[tuple[int, int, int]]:
    """(kind, stream, length) of each frame."""
    return [(kind, stream, len(payload)) for kind, stream, payload in split_frames(memoryview(packet or b""))]


class MuxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = pair()
        self.gateway, self.edge = self.wire.ends

    def open(self, command: Command = Command.CONNECT) -> int:
        return self.gateway.mux.open(command, TARGET, self.wire.now)

    def test_data_travels_with_the_open_in_one_packet(self) -> None:
        number = self.open()
        self.gateway.mux.write(number, b"hello", 0.0)
        self.assertEqual([kind for kind, _, _ in kinds(self.gateway.mux.next_packet(ROOM))], [Kind.OPEN, Kind.DATA])

    def test_what_is_written_arrives_in_both_directions_and_ends(self) -> None:
        number = self.open()
        self.gateway.mux.write(number, b"question", 0.0)
        self.gateway.mux.finish(number, 0.0)
        self.wire.run()
        self.assertIn(number, self.gateway.opened)
        self.edge.mux.write(number, b"answer", 0.0)
        self.edge.mux.finish(number, 0.0)
        self.wire.run()
        self.assertEqual(bytes(self.edge.data[number]), b"question")
        self.assertEqual(bytes(self.gateway.data[number]), b"answer")
        self.assertEqual((self.gateway.finished, self.edge.finished), ({number}, {number}))
        self.assertEqual((self.gateway.mux.streams, self.edge.mux.streams), (0, 0))

    def test_a_reader_that_does_not_read_stops_its_writer_and_nobody_else(self) -> None:
        slow, quick = self.open(), self.open()
        self.edge.lazy.add(slow)
        for number in (slow, quick):
            self.gateway.mux.write(number, bytes(2 * INITIAL_CREDIT), 0.0)
        self.wire.run()
        self.assertEqual(len(self.edge.data[slow]), INITIAL_CREDIT)
        self.assertEqual(len(self.edge.data[quick]), 2 * INITIAL_CREDIT)
        self.edge.mux.consume(slow, INITIAL_CREDIT, 0.0)
        self.wire.run()
        self.assertEqual(len(self.edge.data[slow]), 2 * INITIAL_CREDIT)

    def test_windows_of_quick_readers_grow_to_the_limit_and_those_of_slow_ones_stay(self) -> None:
        number = self.open()
        for _ in range(200):
            self.gateway.mux.write(number, bytes(INITIAL_CREDIT), self.wire.now)
            self.wire.run()
            self.wire.now += 0.01
        stream = self.edge.mux._streams[number]
        self.assertEqual(stream.window, WINDOW_LIMIT)
        slow = self.open()
        for _ in range(20):
            self.gateway.mux.write(slow, bytes(INITIAL_CREDIT // 2), self.wire.now)
            self.wire.run()
            self.wire.now += 10
        self.assertLessEqual(self.edge.mux._streams[slow].window, 2 * INITIAL_CREDIT)

    def test_a_window_does_not_grow_where_memory_is_short(self) -> None:
        wire = pair(budget=INITIAL_CREDIT)
        number = wire.ends[0].mux.open(Command.CONNECT, TARGET, 0.0)
        hog = wire.ends[0].mux.open(Command.CONNECT, TARGET, 0.0)
        wire.ends[1].lazy.add(hog)
        wire.ends[0].mux.write(hog, bytes(INITIAL_CREDIT // 2 + 1), 0.0)
        wire.run()
        for _ in range(50):
            wire.ends[0].mux.write(number, bytes(INITIAL_CREDIT // 4), 0.0)
            wire.run()
        self.assertEqual(wire.ends[1].mux._streams[number].window, INITIAL_CREDIT)

    def test_data_beyond_the_credit_resets_that_stream_only(self) -> None:
        bad, good = self.open(), self.open()
        self.wire.run()
        self.gateway.mux._streams[bad].credit = 10**9
        self.edge.lazy.add(bad)
        self.gateway.mux.write(bad, bytes(INITIAL_CREDIT + 1), 0.0)
        self.gateway.mux.write(good, b"fine", 0.0)
        self.wire.run()
        self.assertEqual(self.gateway.resets[bad].reason, Reason.PROTOCOL)
        self.assertEqual(bytes(self.edge.data[good]), b"fine")

    def test_the_largest_backlog_goes_when_the_budget_is_exceeded(self) -> None:
        wire = pair(budget=INITIAL_CREDIT)
        gateway, edge = wire.ends
        large, small = (gateway.mux.open(Command.CONNECT, TARGET, 0.0) for _ in range(2))
        edge.lazy |= {large, small}
        gateway.mux.write(large, bytes(INITIAL_CREDIT - 1000), 0.0)
        gateway.mux.write(small, bytes(2000), 0.0)
        wire.run()
        self.assertEqual(gateway.resets[large].reason, Reason.OVERLOADED)
        self.assertNotIn(small, gateway.resets)
        self.assertEqual(edge.budget.used, 2000)

    def test_bulk_streams_take_turns_and_first_bytes_go_first(self) -> None:
        bulk = [self.open() for _ in range(3)]
        for number in bulk:
            self.gateway.mux.write(number, bytes(4 * 65536), 0.0)
            self.gateway.mux._streams[number].sent = 10**6
            self.gateway.mux._schedule(self.gateway.mux._streams[number])
        for _ in range(2):
            self.gateway.mux.next_packet(ROOM)
        fresh = self.open()
        self.gateway.mux.write(fresh, b"GET /", 0.0)
        frames = kinds(self.gateway.mux.next_packet(ROOM))
        self.assertEqual([each[:2] for each in frames[:2]], [(Kind.OPEN, fresh), (Kind.DATA, fresh)])
        self.assertGreaterEqual(len({stream for _, stream, _ in frames[2:]}), 2)

    def test_bulk_is_not_starved_by_a_burst_of_new_streams(self) -> None:
        bulk = self.open()
        self.gateway.mux._streams[bulk].sent = 10**6
        self.gateway.mux.write(bulk, bytes(200_000), 0.0)
        for _ in range(50):
            self.gateway.mux.write(self.open(), bytes(60_000), 0.0)
        first = [kinds(self.gateway.mux.next_packet(ROOM)) for _ in range(4)]
        sent = sum(length for frames in first for _, stream, length in frames if stream == bulk)
        self.assertGreaterEqual(sent, 3 * ROOM // 4 - 4000)

    def test_writers_are_stopped_and_started(self) -> None:
        number = self.open()
        self.edge.lazy.add(number)
        self.assertTrue(self.gateway.mux.write(number, bytes(QUEUE_HIGH), 0.0))
        self.assertFalse(self.gateway.mux.write(number, b"more", 0.0))
        self.wire.run()
        self.assertIn(Writable(number), self.gateway.others)

    def test_a_stream_that_cannot_be_opened_says_why(self) -> None:
        self.edge.confirms = False
        number = self.open()
        self.gateway.mux.write(number, b"early", 0.0)
        self.wire.run()
        self.edge.mux.reset(number, Reason.REFUSED, "no", 0.0)
        self.wire.run()
        self.assertEqual(
            (self.gateway.resets[number].reason, self.gateway.resets[number].sentence), (Reason.REFUSED, "no")
        )
        self.assertEqual((self.gateway.mux.streams, self.gateway.mux._queued, self.edge.budget.used), (0, 0, 0))

    def test_opens_beyond_the_limit_and_while_draining_are_reset(self) -> None:
        wire = pair(streams_limit=2)
        numbers = [wire.ends[0].mux.open(Command.CONNECT, TARGET, 0.0) for _ in range(3)]
        wire.run()
        self.assertEqual(wire.ends[0].resets[numbers[2]].reason, Reason.OVERLOADED)
        late = wire.ends[0].mux.open(Command.CONNECT, TARGET, 0.0)
        wire.ends[1].mux.go_away(Reason.DRAINING, 0.0)
        wire.run()
        self.assertIn(GoingAway(Reason.DRAINING), wire.ends[0].others)
        self.assertIn(late, wire.ends[0].resets)
        self.assertRaises(LocalError, wire.ends[0].mux.open, Command.CONNECT, TARGET, 0.0)
        wire.ends[0].mux.write(numbers[0], b"goes on", 0.0)
        wire.run()
        self.assertEqual(bytes(wire.ends[1].data[numbers[0]]), b"goes on")

    def test_datagrams_arrive_whole_and_the_oldest_are_dropped(self) -> None:
        number = self.open(Command.DATAGRAMS)
        for each in range(DATAGRAMS_LIMIT + 6):
            self.gateway.mux.send_datagram(number, Datagram(TARGET, bytes([each])), 0.0)
        self.wire.run()
        got = [event.datagram.payload[0] for event in self.edge.others if isinstance(event, DatagramReceived)]
        self.assertEqual(got, list(range(6, DATAGRAMS_LIMIT + 6)))

    def test_frames_for_streams_that_are_over_are_ignored_and_for_others_end_the_tunnel(self) -> None:
        number = self.open()
        self.wire.run()
        self.edge.mux.reset(number, Reason.BROKEN, "", 0.0)
        self.edge.mux.receive(memoryview(frame(Kind.DATA, number, b"late")), 0.0)
        self.assertRaises(ParseError, self.edge.mux.receive, memoryview(frame(Kind.DATA, 77, b"?")), 0.0)
        self.assertRaises(ParseError, self.edge.mux.receive, memoryview(frame(99, number)), 0.0)
        again = frame(Kind.OPEN, number, emit_open(Open(Command.CONNECT, 1, TARGET)))
        self.assertRaises(ParseError, self.edge.mux.receive, memoryview(again), 0.0)

    def test_an_end_that_opens_and_never_reads_ends_the_tunnel(self) -> None:
        edge = Mux(is_opener=False, budget=Budget(10**6), streams_limit=1)

        def flood() -> None:
            for number in range(1, 70_000):
                edge.receive(memoryview(frame(Kind.OPEN, number, emit_open(Open(Command.CONNECT, 1, TARGET)))), 0.0)

        self.assertRaises(ParseError, flood)

    def test_ten_thousand_opens_are_bounded(self) -> None:
        wire = pair(streams_limit=100)
        for _ in range(4):
            for _ in range(2500):
                wire.ends[0].mux.open(Command.CONNECT, TARGET, 0.0)
            wire.run()
            self.assertEqual(wire.ends[1].mux.streams, 100)
        self.assertEqual(len(wire.ends[0].resets), 9900)

    @given(st.binary(max_size=200))
    @settings(deadline=None, max_examples=150)
    def test_garbage_raises_parse_error_or_nothing(self, garbage: bytes) -> None:
        mux = Mux(is_opener=False, budget=Budget(10**6))
        with contextlib.suppress(ParseError):
            mux.receive(memoryview(garbage), 0.0)

    @given(
        st.lists(st.tuples(st.integers(0, 5), st.integers(1, 200_000), st.booleans()), min_size=1, max_size=25),
        st.lists(st.integers(1, 40), max_size=6),
    )
    @settings(deadline=None, max_examples=60)
    def test_every_byte_arrives_in_order_whatever_is_cut(
        self, writes: list[tuple[int, int, bool]], cuts: list[int]
    ) -> None:
        wire = pair()
        gateway, edge = wire.ends
        numbers = [gateway.mux.open(Command.CONNECT, TARGET, 0.0) for _ in range(6)]
        sent: dict[tuple[bool, int], bytearray] = {}
        remaining = list(cuts)
        wire.run(2)
        for at, (which, length, is_down) in enumerate(writes):
            data = bytes([at % 251]) * length
            end = edge if is_down else gateway
            end.mux.write(numbers[which], data, wire.now)
            sent.setdefault((is_down, numbers[which]), bytearray()).extend(data)
            if remaining:
                wire.run(remaining[0], lost_after=remaining.pop() // 2)
                wire.cut()
                wire.now += 1.0
                wire.connect()
        wire.run()
        for (is_down, number), data in sent.items():
            self.assertEqual((gateway if is_down else edge).data[number], data)
        wire.pass_time(1.0)
        wire.pass_time(1.0)
        self.assertEqual((gateway.tunnel.replayable, edge.tunnel.replayable), (0, 0))
