# -*- test-case-name: zerogo.test.exit.test_tunnel -*-
"""A multiplexer on a carrier that may break and come back: positions, acknowledgements, replay, pings.

A *message* is what one sealed message of the carrier holds (docs/PROTOCOL.md, "Exit tunnel"):

    1 PACKET   frames            the only kind that has a position: its count since the tunnel began
    2 ACK      position 8        all packets before this position have arrived
    3 PING     number 8
    4 PONG     number 8
    5 NOTE     a map             what is told beside streams (`zerogo.exit.notes`); not sent again

Each end keeps the packets that it has sent until they are acknowledged. When the carrier breaks (`detach`) and another
one is there (`attach`, with the position that the other end has received up to), the packets from there on are sent
again, and everything above, streams, credit, half-closes, is as if nothing had happened. The log is bounded: while
`REPLAY_LIMIT` bytes are unacknowledged, no new packet is made, so writers wait. A tunnel without a carrier for
`GRACE_SECONDS` is over.

Anything that arrives shows that the carrier lives. After a silence it is pinged, and given up without an answer: soon
where something is under way, so that whoever waits for a dead edge does not wait for long, and patiently where nothing
is. Whoever sends after a silence asks at once.

Long before that, since all that is sent is acknowledged within `ACK_DELAY_SECONDS` and a round trip, it is known that
nothing answers (`SilenceChanged`): new streams then go elsewhere, and those that are there wait.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

from zerogo.core import Deadline, TimerTable
from zerogo.errors import ParseError
from zerogo.exit.events import CarrierSilent, NoteReceived, RttMeasured, SilenceChanged, TunnelEvent, TunnelLost
from zerogo.exit.mux import Mux
from zerogo.exit.notes import Note, emit_note, parse_note

PACKET, ACK, PING, PONG, NOTE = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
MESSAGE_LIMIT = 262_128
"""Bytes that one frame of the channel carries."""
MESSAGE_BYTES = 66_000
"""Longest message while the carrier is not known to be fast: what a socket gives at once fits it with its head."""
MESSAGE_SECONDS = 0.01
"""Longer ones hold no more than the carrier takes in this time, so that nothing urgent waits behind one for long."""
REPLAY_LIMIT = 8 * 1024 * 1024
REPLAY_PACKETS = 65536
GRACE_SECONDS = 30.0
GONE_SECONDS = 10.0
"""The same where the other machine itself closed the connection without a word: its process has most likely ended, and
one that lives dials again within a second."""
OVER = 4001
"""WebSocket close code (RFC 6455 section 7.4.2, private use) of an end that will not come back to the tunnel."""
PING_IDLE_SECONDS = 25.0
"""Between pings without streams."""
PING_LEAST_SECONDS = 2.0
PING_MOST_SECONDS = 10.0
"""Between pings with streams: as long as nothing has passed, within these."""
PONG_SECONDS = 12.0
"""How long an answer is waited for without streams."""
PONG_LEAST_SECONDS = 2.0
PONG_MOST_SECONDS = 6.0
"""With streams: the round trip and four times its deviation more than the least."""
UNKNOWN_RTT_SECONDS = 1.0
"""Assumed before the first answer."""
LATE_SECONDS = 0.5
"""Whoever looks at the clock so late was held up itself, and gives the carrier another while."""
ACK_DELAY_SECONDS = 0.25
SILENCE_SECONDS = 0.75
"""Beyond what an acknowledgement takes; then the other end is taken for silent."""
ACK_BYTES = 256 * 1024
ACK_PACKETS = 64
"""So much is acknowledged at once, less after the delay."""
PONGS_WAITING = 4
NOTES_WAITING = 16
"""Notes for a carrier that takes none; the oldest make room."""
_POSITION = struct.Struct("!cQ")


class Tunnel:
    """One end. `mux` is for its verbs; what it says comes out of `events` here.

    :param jitter: a number from 0 to 1, so that the pings of many tunnels spread.
    """

    def __init__(self, mux: Mux, jitter: float = 0.5) -> None:
        self.mux = mux
        self.is_attached = False
        self.rtt: float | None = None
        """Seconds, smoothed."""
        self.is_silent = False
        """Whether what was sent should have been answered by now."""
        self._jitter = 0.8 + 0.2 * jitter
        # Seldom more than one in any of these lists; an empty deque takes 0.6 kB, and there are many idle tunnels.
        self._events: list[TunnelEvent] = []
        self._timers: TimerTable[str] = TimerTable()
        self._log: deque[bytes] = deque()
        self._log_bytes = 0
        self._log_start = 0
        self._logged_at = 0.0
        """When the oldest bytes of the log were sent, or the last ones before them acknowledged."""
        self._room = MESSAGE_BYTES
        self._again = 0
        """How many packets of the log, from its end, are yet to be sent on this carrier."""
        self._received = 0
        self._acked = 0
        self._unacked_bytes = 0
        self._is_ack_due = False
        self._pongs: list[bytes] = []
        self._notes: list[bytes] = []
        self._is_ping_due = False
        self._ping_number = 0
        self._ping_at: float | None = None
        self._ping_due_at = 0.0
        self._pong_due_at = 0.0
        self._asked_at = 0.0
        """When the ping was sent whose answer is waited for."""
        self._heard_at = 0.0
        self._used_at = 0.0
        """When a packet was sent or received last."""
        self._deviation = 0.0
        """Of the round trip, as in RFC 6298."""

    # ----- the carrier

    @property
    def received(self) -> int:
        """The position that the other end has to go on from."""
        return self._received

    @property
    def sent(self) -> int:
        """The position of the next packet."""
        return self._log_start + len(self._log)

    @property
    def acknowledged(self) -> int:
        """The first position that can still be sent again."""
        return self._log_start

    @property
    def replayable(self) -> int:
        """Bytes kept for another carrier."""
        return self._log_bytes

    def attach(self, position: int, now: float) -> None:
        """There is a carrier, and the other end has received up to `position`; raises `ParseError` where it cannot."""
        self._acknowledge(position)
        self._room, self._logged_at = MESSAGE_BYTES, now
        self.is_attached = True
        self._again = len(self._log)
        self._is_ack_due = self._is_ping_due = False
        self._unacked_bytes, self._acked = 0, self._received
        self._pongs.clear()
        self._notes.clear()
        self._ping_at = None
        self._timers.cancel("grace")
        self._timers.cancel("ack")
        self._timers.cancel("pong")
        self._set_silent(False)
        self._heard_at = self._used_at = now
        self._asked_at = now - PING_LEAST_SECONDS
        # The first one soon: the round trip is wanted.
        self._set_ping(now + 0.2)

    def detach(self, now: float, grace_seconds: float = GRACE_SECONDS) -> None:
        """The carrier is gone; the tunnel waits so long for another one."""
        if self.is_attached:
            self.is_attached = False
            for timer in ("ping", "pong", "ack", "silence"):
                self._timers.cancel(timer)
            self._timers.set("grace", now + grace_seconds)

    def end(self) -> None:
        """All is over, in silence."""
        self.is_attached = False
        for timer in ("ping", "pong", "ack", "silence", "grace"):
            self._timers.cancel(timer)
        self.mux.abandon()
        self._log.clear()
        self._log_bytes = 0

    def tell(self, note: Note) -> None:
        """Send a note, where there is a carrier."""
        if self.is_attached:
            self._notes = [*self._notes, NOTE + emit_note(note)][-NOTES_WAITING:]

    # ----- messages

    def receive(self, message: bytes, now: float) -> None:
        """Take a message; raises `ParseError`, after which the tunnel is of no use."""
        kind = message[:1]
        self._heard_at = now
        if self.is_silent:
            self._set_silent(False)
        if kind == PACKET:
            self._used_at = now
            self._received += 1
            self._unacked_bytes += len(message)
            self._plan_ack(now)
            self.mux.receive(memoryview(message)[1:], now)
            return
        if kind == NOTE:
            note = parse_note(message[1:])
            if note is not None:
                self._events.append(NoteReceived(note))
            return
        if len(message) != _POSITION.size:
            raise ParseError("a message of a wrong length")
        number: int = _POSITION.unpack(message)[1]
        if kind == ACK:
            self._receive_ack(number, now)
        elif kind == PING:
            self._pongs = [*self._pongs, PONG + message[1:]][-PONGS_WAITING:]
        elif kind == PONG:
            self._receive_pong(number, now)
        else:
            raise ParseError(f"a message of the unknown kind {message[0]}")

    @property
    def has_work(self) -> bool:
        """Whether `next_message` would give one."""
        if not self.is_attached:
            return False
        if self._pongs or self._is_ack_due or self._is_ping_due or self._again or self._notes:
            return True
        return self._may_add and self.mux.has_work

    def next_message(self, now: float) -> bytes | None:
        """What to send next on the carrier; None where there is nothing to send."""
        if not self.is_attached:
            return None
        if self._pongs:
            return self._pongs.pop(0)
        if self._is_ack_due:
            return self._take_ack()
        if self._is_ping_due:
            return self._take_ping(now)
        if self._notes:
            return self._notes.pop(0)
        if self._again:
            self._again -= 1
            return self._log[-1 - self._again]
        if not self._may_add:
            return None
        message = self.mux.next_packet(self._room - 1, PACKET)
        if message is None:
            return None
        if not self._log:
            self._logged_at = now
        self._used_at = now
        if self._ping_due_at > now + PING_MOST_SECONDS:
            self._set_ping(now + PING_LEAST_SECONDS)
        if now - max(self._heard_at, self._asked_at) >= PING_LEAST_SECONDS:
            self._is_ping_due = True
        self._log.append(message)
        self._log_bytes += len(message)
        if not self.is_silent and not self._timers.is_set("silence"):
            self._timers.set("silence", now + self._answer_seconds)
        return message

    @property
    def has_events(self) -> bool:
        """Whether `events` would give any."""
        return bool(self._events) or self.mux.has_events

    def events(self) -> Iterator[TunnelEvent]:
        """Drain what happened, in order."""
        yield from self.mux.events()
        while self._events:
            yield self._events.pop(0)

    # ----- time

    def next_timer(self) -> Deadline | None:
        """When `handle_timer` is due."""
        return self._timers.next()

    def next_at(self) -> float | None:
        """The same, without why."""
        return self._timers.next_at()

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.take_due(now):
            if timer == "ack":
                self._is_ack_due = True
            elif timer == "ping":
                self._is_ping_due = True
            elif timer == "pong":
                self._doubt(now)
            elif timer == "silence":
                self._note_silence(now)
            else:
                self.end()
                self._events.append(TunnelLost())

    @property
    def _may_add(self) -> bool:
        return self._log_bytes < REPLAY_LIMIT and len(self._log) < REPLAY_PACKETS

    def _plan_ack(self, now: float) -> None:
        if self._unacked_bytes >= ACK_BYTES or self._received - self._acked >= ACK_PACKETS:
            self._is_ack_due = True
        elif not self._timers.is_set("ack"):
            self._timers.set("ack", now + ACK_DELAY_SECONDS)

    def _take_ack(self) -> bytes:
        self._is_ack_due = False
        self._unacked_bytes, self._acked = 0, self._received
        self._timers.cancel("ack")
        return _POSITION.pack(ACK, self._received)

    def _take_ping(self, now: float) -> bytes:
        self._is_ping_due = False
        self._ping_number += 1
        self._ping_at = now
        due_at = now + self._patience
        if not self._timers.is_set("pong") or due_at < self._pong_due_at:
            self._asked_at = now
            self._set_pong(due_at)
        seconds = PING_IDLE_SECONDS
        if self.mux.streams:
            seconds = min(PING_MOST_SECONDS, max(PING_LEAST_SECONDS, now - self._used_at))
        self._set_ping(now + seconds * self._jitter)
        return _POSITION.pack(PING, self._ping_number)

    @property
    def _patience(self) -> float:
        """Seconds until a ping without an answer ends the carrier."""
        if not self.mux.streams:
            return PONG_SECONDS
        rtt = UNKNOWN_RTT_SECONDS if self.rtt is None else self.rtt
        return min(PONG_MOST_SECONDS, PONG_LEAST_SECONDS + rtt + 4 * self._deviation)

    def _doubt(self, now: float) -> None:
        """The time for an answer is over."""
        if self._heard_at > self._asked_at:
            return
        if now - self._pong_due_at > LATE_SECONDS:
            self._set_pong(now + PONG_LEAST_SECONDS)
            return
        self._events.append(CarrierSilent())

    @property
    def _answer_seconds(self) -> float:
        """Until what was sent is acknowledged, generously."""
        rtt = UNKNOWN_RTT_SECONDS if self.rtt is None else self.rtt
        return SILENCE_SECONDS + ACK_DELAY_SECONDS + rtt + 4 * self._deviation

    def _note_silence(self, now: float) -> None:
        """Something was sent; it may be long acknowledged."""
        if not self._log:
            return
        due_at = max(self._heard_at, self._logged_at) + self._answer_seconds
        if now < due_at:
            self._timers.set("silence", due_at)
        elif now - due_at > LATE_SECONDS:
            self._timers.set("silence", now + SILENCE_SECONDS)
        else:
            self._set_silent(True)

    def _set_silent(self, is_silent: bool) -> None:
        if is_silent != self.is_silent:
            self.is_silent = is_silent
            self._events.append(SilenceChanged(is_silent))

    def _set_ping(self, at: float) -> None:
        self._ping_due_at = at
        self._timers.set("ping", at)

    def _set_pong(self, at: float) -> None:
        self._pong_due_at = at
        self._timers.set("pong", at)

    def _receive_pong(self, number: int, now: float) -> None:
        if self._ping_at is None or number != self._ping_number:
            return
        sample = max(0.0, now - self._ping_at)
        self._ping_at = None
        self._timers.cancel("pong")
        if self.rtt is None:
            self.rtt, self._deviation = sample, sample / 2
        else:
            self._deviation += (abs(sample - self.rtt) - self._deviation) / 4
            self.rtt += (sample - self.rtt) / 8
        self.mux.rtt = max(1e-3, self.rtt)
        self._events.append(RttMeasured(sample))

    def _receive_ack(self, position: int, now: float) -> None:
        waiting = self._log_bytes
        self._acknowledge(position)
        speed = (waiting - self._log_bytes) / max(1e-3, now - self._logged_at)
        self._logged_at = now
        self._room = int(min(MESSAGE_LIMIT, max(MESSAGE_BYTES, speed * MESSAGE_SECONDS)))

    def _acknowledge(self, position: int) -> None:
        if not self._log_start <= position <= self.sent:
            raise ParseError(f"position {position} is not between {self._log_start} and {self.sent}")
        while self._log_start < position:
            self._log_bytes -= len(self._log.popleft())
            self._log_start += 1
        self._again = min(self._again, len(self._log))
