# -*- test-case-name: zerogo.test.exit.test_mux -*-
"""All streams of a tunnel: who may send, whose turn it is, and what a packet of frames holds.

The driver pulls: `next_packet` is asked for whenever the carrier takes more, so what waits, waits here, where turns are
fair and control frames overtake data. A packet holds, in this order: control frames; streams that have sent little and
datagrams, in turns of `QUANTUM_BYTES`; bulk, likewise, which gets at least a quarter of every packet. A stream without
competitors fills a packet alone.

Only the opener (the gateway) opens streams; numbers grow and are never used again. It may send data with the OPEN,
within the initial credit; the acceptor keeps it until its own connection is there. Data beyond the credit resets the
stream, and nobody else notices. If all backlogs together pass the budget, the stream with the largest is reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from zerogo.core import drain
from zerogo.errors import LocalError, ParseError
from zerogo.exit.budget import Budget
from zerogo.exit.events import (
    DatagramReceived,
    DataReceived,
    FinReceived,
    GoingAway,
    MuxEvent,
    OpenRequested,
    PeerAccepted,
    StreamOpened,
    StreamReset,
    Writable,
)
from zerogo.exit.frames import (
    HEAD,
    STREAM_LIMIT,
    Command,
    Datagram,
    Kind,
    Open,
    Opened,
    Reset,
    emit_address,
    emit_credit,
    emit_datagram,
    emit_open,
    emit_opened,
    emit_reset,
    frame,
    parse_address,
    parse_credit,
    parse_datagram,
    parse_open,
    parse_opened,
    parse_reset,
    split_frames,
)
from zerogo.exit.reason import Reason
from zerogo.exit.stream import INITIAL_CREDIT, QUEUE_HIGH, QUEUE_LOW, Stream
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress

QUANTUM_BYTES = 32 * 1024
"""What a stream may send in a turn; in long packets, which only fast carriers take, half of the packet."""
QUEUED_LIMIT = 32 * 1024 * 1024
"""When all streams together have so much queued, every writer is asked to stop."""
CONTROL_LIMIT = 65536
"""Control frames waiting for an end that does not read; more end the tunnel."""
CREDIT_LIMIT = 2**31
STREAMS_LIMIT = 4096
ASSUMED_RTT = 0.1
"""Seconds."""


class Mux:
    """The streams. `budget` counts the bytes received that nobody has consumed."""

    def __init__(self, *, is_opener: bool, budget: Budget, streams_limit: int = STREAMS_LIMIT) -> None:
        self.rtt = ASSUMED_RTT
        """Seconds; whoever measures it sets it."""
        self.is_going_away = False
        """Whether the other end takes no more streams."""
        self._is_opener = is_opener
        self._budget = budget
        self._streams_limit = streams_limit
        self._streams: dict[int, Stream] = {}
        self._last_number = 0
        self._is_draining = False
        self._queued = 0
        self._control: deque[bytes] = deque()
        self._fresh: deque[Stream] = deque()
        self._bulk: deque[Stream] = deque()
        self._events: deque[MuxEvent] = deque()

    # ----- what is known

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self._streams)

    @property
    def may_open(self) -> bool:
        """Whether `open` would work."""
        return self._is_opener and not self.is_going_away and len(self._streams) < self._streams_limit

    @property
    def has_work(self) -> bool:
        """Whether `next_packet` would give one."""
        return bool(self._control or self._fresh or self._bulk)

    # ----- verbs; those for a stream that is over do nothing

    def open(self, command: Command, target: Target, now: float) -> int:
        """Ask for a stream; gives its number. Raises `LocalError` where `may_open` is false."""
        if not self.may_open or self._last_number >= STREAM_LIMIT:
            raise LocalError("this tunnel takes no more streams")
        self._last_number += 1
        number = self._last_number
        self._streams[number] = Stream(number, command, returned_at=now)
        self._send(Kind.OPEN, number, emit_open(Open(command, INITIAL_CREDIT, target)))
        return number

    def confirm(self, number: int, bound: SocketAddress, microseconds: int, now: float) -> None:
        """At the edge: the connection is there, from `bound`; the dial took so long."""
        stream = self._streams.get(number)
        if stream is not None and not stream.is_confirmed:
            stream.is_confirmed = True
            self._send(Kind.OPENED, number, emit_opened(Opened(INITIAL_CREDIT, microseconds, bound)))

    def accepted(self, number: int, address: SocketAddress, now: float) -> None:
        """At the edge: somebody connected to a listening stream."""
        if number in self._streams:
            self._send(Kind.ACCEPTED, number, emit_address(address))

    def write(self, number: int, data: bytes, now: float) -> bool:
        """Queue bytes; False where the writer should wait for `Writable` (they are queued all the same)."""
        stream = self._streams.get(number)
        if stream is None or stream.is_finishing or not data:
            return True
        stream.queue.append(memoryview(data))
        stream.queued += len(data)
        self._queued += len(data)
        self._schedule(stream)
        if stream.queued > QUEUE_HIGH or self._queued > QUEUED_LIMIT:
            stream.is_full = True
        return not stream.is_full

    def finish(self, number: int, now: float) -> None:
        """No more data in this direction, after what is queued."""
        stream = self._streams.get(number)
        if stream is not None and not stream.is_finishing:
            stream.is_finishing = True
            self._schedule(stream)

    def reset(self, number: int, reason: Reason, sentence: str, now: float) -> None:
        """End the stream in both directions; what is queued is dropped."""
        stream = self._streams.get(number)
        if stream is not None:
            self._send(Kind.RESET, number, emit_reset(Reset(reason, sentence)))
            self._forget(stream)

    def consume(self, number: int, count: int, now: float) -> None:
        """So many bytes of `DataReceived` were passed on."""
        stream = self._streams.get(number)
        if stream is None:
            return
        count = min(count, stream.backlog)
        stream.backlog -= count
        stream.returnable += count
        self._budget.add(-count)
        given = stream.take_credit(self.rtt, self._budget.is_roomy, now)
        if given:
            self._send(Kind.CREDIT, number, emit_credit(given))
        self._end_if_over(stream)

    def send_datagram(self, number: int, datagram: Datagram, now: float) -> None:
        """Queue a datagram of an association; when too many wait, the oldest are dropped."""
        stream = self._streams.get(number)
        if stream is not None and stream.command is Command.DATAGRAMS:
            stream.add_datagram(emit_datagram(datagram))
            self._schedule(stream)

    def go_away(self, reason: Reason, now: float) -> None:
        """Take no more streams; those that are there go on."""
        if not self._is_draining:
            self._is_draining = True
            self._send(Kind.GOAWAY, 0, bytes([reason]))

    def abandon(self) -> None:
        """Forget all streams, in silence."""
        for stream in list(self._streams.values()):
            self._forget(stream)
        self._control.clear()

    @property
    def has_events(self) -> bool:
        """Whether `events` would give any."""
        return bool(self._events)

    def events(self) -> Iterator[MuxEvent]:
        """Drain what happened."""
        return drain(self._events)

    # ----- sending

    def next_packet(self, room: int, head: bytes = b"") -> bytes | None:
        """`head` and the next frames, of which there are at most `room` bytes (at least 64 KiB); None where nothing can
        be sent."""
        if not self.has_work:
            return None
        parts: list[bytes | memoryview] = [head]
        left = room
        while self._control and len(self._control[0]) <= left:
            parts.append(self._control.popleft())
            left -= len(parts[-1])
        quantum = max(QUANTUM_BYTES, room // 2)
        reserved = room // 4 if self._bulk else 0
        left -= self._fill(self._fresh, parts, left - reserved, quantum)
        self._fill(self._bulk, parts, left, quantum)
        return b"".join(parts) if len(parts) > 1 else None

    def _fill(self, turns: deque[Stream], parts: list[bytes | memoryview], room: int, quantum: int) -> int:
        used = 0
        while turns and room - used > HEAD.size:
            left = room - used
            stream = turns.popleft()
            stream.is_scheduled = False
            share = left if not turns else min(left, quantum)
            served = self._serve(stream, parts, share, left)
            used += served
            self._schedule(stream)
            if not served and stream.is_scheduled:
                break
        return used

    def _serve(self, stream: Stream, parts: list[bytes | memoryview], share: int, left: int) -> int:
        if stream.datagrams:
            length = len(stream.datagrams[0])
            if length + HEAD.size > left:
                return 0
            stream.datagram_bytes -= length
            parts += (HEAD.pack(Kind.DATAGRAM, stream.number, length), stream.datagrams.popleft())
            return HEAD.size + length
        used = 0
        count = min(share - HEAD.size, stream.credit, stream.queued)
        if count > 0:
            parts.append(HEAD.pack(Kind.DATA, stream.number, count))
            parts += stream.take(count)
            self._queued -= count
            used = HEAD.size + count
            if stream.is_full and stream.queued <= QUEUE_LOW:
                stream.is_full = False
                self._events.append(Writable(stream.number))
        if stream.is_finishing and not stream.queued and not stream.is_fin_sent and used + HEAD.size <= left:
            parts.append(frame(Kind.FIN, stream.number))
            used += HEAD.size
            stream.is_fin_sent = True
            self._end_if_over(stream)
        return used

    def _schedule(self, stream: Stream) -> None:
        if not stream.is_scheduled and stream.has_work:
            stream.is_scheduled = True
            (self._fresh if stream.is_fresh else self._bulk).append(stream)

    def _send(self, kind: Kind, number: int, payload: bytes) -> None:
        if len(self._control) >= CONTROL_LIMIT:
            raise ParseError("the other end does not read")
        self._control.append(frame(kind, number, payload))

    # ----- receiving

    def receive(self, packet: memoryview, now: float) -> None:
        """Take the frames of a packet; raises `ParseError`, after which the tunnel is of no use."""
        for kind, number, payload in split_frames(packet):
            if kind == Kind.DATA:
                self._receive_data(number, payload)
            else:
                self._receive_control(kind, number, bytes(payload), now)

    def _receive_control(self, kind: int, number: int, payload: bytes, now: float) -> None:
        if not Kind.OPEN <= kind <= Kind.GOAWAY:
            raise ParseError(f"a frame of the unknown type {kind}")
        if kind == Kind.OPEN:
            self._receive_open(number, payload, now)
            return
        if kind == Kind.GOAWAY:
            self.is_going_away = True
            self._events.append(GoingAway(Reason.read(payload[0] if payload else 0)))
            return
        stream = self._known(number)
        if stream is None:
            return
        match kind:
            case Kind.OPENED:
                self._receive_opened(stream, parse_opened(payload))
            case Kind.FIN:
                self._receive_fin(stream)
            case Kind.RESET:
                reset = parse_reset(payload)
                self._forget(stream)
                self._events.append(StreamReset(number, reset.reason, reset.sentence))
            case Kind.CREDIT:
                self._receive_credit(stream, parse_credit(payload))
            case Kind.DATAGRAM:
                self._receive_datagram(stream, payload)
            case Kind.ACCEPTED:
                self._events.append(PeerAccepted(number, parse_address(payload)))

    def _known(self, number: int) -> Stream | None:
        """The stream; None where it is over. Raises `ParseError` where it never was."""
        if not 0 < number <= self._last_number:
            raise ParseError(f"a frame for stream {number}, which was never opened")
        return self._streams.get(number)

    def _receive_open(self, number: int, payload: bytes, now: float) -> None:
        if self._is_opener or number <= self._last_number:
            raise ParseError(f"stream {number} cannot be opened")
        self._last_number = number
        request = parse_open(payload)
        if self._is_draining or len(self._streams) >= self._streams_limit:
            reason = Reason.DRAINING if self._is_draining else Reason.OVERLOADED
            self._send(Kind.RESET, number, emit_reset(Reset(reason)))
            return
        credit = min(request.credit, CREDIT_LIMIT)
        self._streams[number] = Stream(number, request.command, credit=credit, returned_at=now)
        self._events.append(OpenRequested(number, request))

    def _receive_opened(self, stream: Stream, opened: Opened) -> None:
        if not self._is_opener or stream.is_confirmed:
            raise ParseError("an OPENED frame out of place")
        stream.is_confirmed = True
        # What the edge allows beyond the initial credit, which every stream has from its first byte on.
        stream.credit += max(0, min(opened.credit, CREDIT_LIMIT) - INITIAL_CREDIT)
        self._schedule(stream)
        self._events.append(StreamOpened(stream.number, opened))

    def _receive_data(self, number: int, payload: memoryview) -> None:
        stream = self._known(number)
        if stream is None:
            return
        length = len(payload)
        if length > stream.allowed or stream.is_fin_received or not length:
            self._break_off(stream, Reason.PROTOCOL, "data beyond the credit or the end")
            return
        stream.allowed -= length
        stream.backlog += length
        stream.received += length
        self._budget.add(length)
        self._events.append(DataReceived(number, bytes(payload)))
        if self._budget.is_exceeded:
            largest = max(self._streams.values(), key=lambda each: each.backlog)
            self._break_off(largest, Reason.OVERLOADED, "too much waits for slow readers")

    def _receive_fin(self, stream: Stream) -> None:
        if stream.is_fin_received:
            self._break_off(stream, Reason.PROTOCOL, "two ends of one stream")
            return
        stream.is_fin_received = True
        self._events.append(FinReceived(stream.number))
        self._end_if_over(stream)

    def _receive_credit(self, stream: Stream, count: int) -> None:
        stream.credit += count
        if stream.credit > CREDIT_LIMIT:
            self._break_off(stream, Reason.PROTOCOL, "credit without bounds")
        else:
            self._schedule(stream)

    def _receive_datagram(self, stream: Stream, payload: bytes) -> None:
        if stream.command is not Command.DATAGRAMS:
            self._break_off(stream, Reason.PROTOCOL, "a datagram on a stream of bytes")
        else:
            self._events.append(DatagramReceived(stream.number, parse_datagram(payload)))

    # ----- ends

    def _break_off(self, stream: Stream, reason: Reason, sentence: str) -> None:
        """Reset on our own account, and say so on both sides."""
        self._send(Kind.RESET, stream.number, emit_reset(Reset(reason, sentence)))
        self._forget(stream)
        self._events.append(StreamReset(stream.number, reason, sentence))

    def _end_if_over(self, stream: Stream) -> None:
        if stream.is_over and not stream.backlog:
            self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        if self._streams.pop(stream.number, None) is None:
            return
        self._queued -= stream.queued
        self._budget.add(-stream.backlog)
        stream.queue.clear()
        stream.datagrams.clear()
        stream.queued = stream.backlog = 0
        stream.is_finishing, stream.is_fin_sent = True, True
