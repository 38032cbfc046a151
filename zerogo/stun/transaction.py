# -*- test-case-name: zerogo.test.stun.test_transaction -*-
"""A client transaction: one request, when to send it again, when to give up (RFC 8489 section 6.2.1).

Retransmissions are the same bytes with the same transaction id. The schedule is given in: the RFC's own (500 ms,
doubling, 7 sends) is far too slow for hole punching, where the first sends are expected to be lost.

The round trip that an answer proves is exact while only one datagram was sent; afterwards nobody can tell which send
was answered, so the time since the first one is given: an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from zerogo.ids import Endpoint

GATHER_SCHEDULE = (0.1, 0.2, 0.4)
"""Seconds of patience after each send to a STUN server; gives up 700 ms after the first."""
CHECK_SCHEDULE = (0.05, 0.1, 0.2, 0.4, 0.8, 0.8)
"""The same for a connectivity check: six sends over 1.55 s, gives up at 2.35 s."""


class ClientTransaction:
    """One request on its way; the owner sends what `take_due` returns and asks again at `next_at`."""

    def __init__(self, payload: bytes, destination: Endpoint, schedule: Sequence[float], now: float) -> None:
        """Nothing is sent before the first `take_due`; `schedule` holds the seconds of patience after each send."""
        self.payload = payload
        self.destination = destination
        self.transaction_id = payload[8:20]
        self.sends = 0
        self.first_sent_at = now
        self.last_sent_at = now
        self.next_at = now
        self._schedule = tuple(schedule)

    def is_expired(self, now: float) -> bool:
        """Whether the patience after the last send is used up."""
        return not self.has_sends_left and now >= self.next_at

    @property
    def has_sends_left(self) -> bool:
        """Whether it will be sent again unless an answer comes."""
        return self.sends < len(self._schedule)

    def take_due(self, now: float) -> bytes | None:
        """The datagram, where it is time to send it; counts as sent."""
        if now < self.next_at or not self.has_sends_left:
            return None
        if self.sends == 0:
            self.first_sent_at = now
        self.last_sent_at = now
        self.next_at = now + self._schedule[self.sends]
        self.sends += 1
        return self.payload

    def hasten(self, at: float) -> None:
        """Bring the next send forward to `at`, where there is one left."""
        if self.has_sends_left:
            self.next_at = min(self.next_at, at)

    def rtt(self, now: float) -> float:
        """Seconds of round trip that an answer at `now` proves at most."""
        return now - self.first_sent_at
