# -*- test-case-name: zerogo.test.exit.test_mux -*-
"""One stream of a tunnel: what waits to be sent, what credit there is in each direction, which halves are closed.

*Credit* is a number of bytes that the reader allows the writer beyond those already sent. The reader begins with
`INITIAL_CREDIT` and gives back what was consumed, in steps of a quarter of its window. A reader that gets through a
quarter of its window in less than two round trips is held up by the window: the window doubles, up to `WINDOW_LIMIT`,
as long as the tunnel's memory allows it (window / round trip is the speed limit of a stream).
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from zerogo.exit.frames import Command

INITIAL_CREDIT = 256 * 1024
"""Bytes that either end may send on a new stream before it hears from the other."""
WINDOW_LIMIT = 4 * 1024 * 1024
FIRST_BYTES = 64 * 1024
"""So many bytes of a stream go before those of streams that have sent more."""
DATAGRAMS_LIMIT = 64
DATAGRAM_BYTES_LIMIT = 256 * 1024
"""Of one association, waiting to be sent; the oldest are dropped."""
QUEUE_HIGH = 256 * 1024
"""A writer is asked to stop when so many bytes wait."""
QUEUE_LOW = 64 * 1024


@define(eq=False)
class Stream:
    """State of one stream. Only `Mux` touches it."""

    number: int
    command: Command
    is_confirmed: bool = False
    """Whether OPENED was sent or received."""

    queue: deque[memoryview] = field(factory=deque)
    queued: int = 0
    credit: int = INITIAL_CREDIT
    sent: int = 0
    is_finishing: bool = False
    """The writer is done; FIN follows what is queued."""
    is_fin_sent: bool = False
    is_scheduled: bool = False
    is_full: bool = False
    """The writer was told to stop."""

    window: int = INITIAL_CREDIT
    allowed: int = INITIAL_CREDIT
    """Bytes that the other end may still send."""
    backlog: int = 0
    """Bytes received that nobody has consumed."""
    returnable: int = 0
    """Bytes consumed for which no credit was given back."""
    received: int = 0
    returned_at: float = 0.0
    is_fin_received: bool = False

    datagrams: deque[bytes] = field(factory=deque)
    datagram_bytes: int = 0

    @property
    def is_over(self) -> bool:
        """Whether both halves are closed."""
        return self.is_fin_sent and self.is_fin_received

    @property
    def has_work(self) -> bool:
        """Whether something could be sent at this moment."""
        if self.datagrams:
            return True
        if self.queued:
            return self.credit > 0
        return self.is_finishing and not self.is_fin_sent

    @property
    def is_fresh(self) -> bool:
        """Whether it goes before bulk."""
        return self.sent < FIRST_BYTES or bool(self.datagrams)

    def take(self, limit: int) -> list[memoryview]:
        """Remove up to `limit` bytes that credit allows, as pieces."""
        left = min(limit, self.credit, self.queued)
        self.queued -= left
        self.credit -= left
        self.sent += left
        pieces = []
        queue = self.queue
        while left:
            piece = queue[0]
            if len(piece) > left:
                pieces.append(piece[:left])
                queue[0] = piece[left:]
                break
            pieces.append(piece)
            left -= len(piece)
            queue.popleft()
        return pieces

    def add_datagram(self, payload: bytes) -> None:
        """Queue a datagram; the oldest make room."""
        self.datagrams.append(payload)
        self.datagram_bytes += len(payload)
        while len(self.datagrams) > DATAGRAMS_LIMIT or self.datagram_bytes > DATAGRAM_BYTES_LIMIT:
            self.datagram_bytes -= len(self.datagrams.popleft())

    def take_credit(self, rtt: float, may_grow: bool, now: float) -> int:
        """The credit to give back, or 0 while it is not worth a frame."""
        if self.returnable * 4 < self.window or self.is_fin_received:
            return 0
        is_held_up = now - self.returned_at < 2 * rtt
        given = self.returnable
        if is_held_up and may_grow and self.window < WINDOW_LIMIT:
            given += self.window
            self.window *= 2
        self.returnable = 0
        self.returned_at = now
        self.allowed += given
        return given
