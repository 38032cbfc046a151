# -*- test-case-name: zerogo.test.exit.test_credit -*-
"""Leased credit: how a gateway draws on a traffic package that other gateways draw on at the same time.

The controller alone knows what is left of a package. It hands out *leases*, each of which it holds to be spent until
the gateway has told what it used, so that all leases together never exceed the package. A gateway spends its lease byte
by byte, asks for more when less than half is left, and when nothing is left holds all streams of the user until it has
more, or ends them where there is none. A lease that nobody uses, or whose account was changed, is handed back.

The piece of data in hand when a lease ends is passed on, since it is here already: a user can exceed a package by at
most one piece (`PIECE_BYTES`) per gateway, and by nothing else. What was spent beyond the lease is taken off the next
one, so the controller cannot work out what a gateway holds from what it leased and what was used: each request says it.
That also sets right what went astray with a connection. An answer counts if it is to the latest request; what came of
an earlier one, the latest did not count as held.
"""

from __future__ import annotations

import math

PIECE_BYTES = 262_144
"""Longest piece that passes at once: what a socket is read in, what a frame of a tunnel holds, a datagram."""
LEASE_MOST = 64 * 1024 * 1024
LEASE_LEAST = 256 * 1024
ASK_AGAIN_SECONDS = 5.0
"""An answer that has not come by then is asked for again."""


def lease_size(remaining: int, gateways: int) -> int:
    """How much to lease of what is left of a package, where so many gateways may ask: half of a fair part, within the
    bounds, so that the last bytes do not lie idle at a gateway that has no use for them."""
    share = remaining // (2 * max(1, gateways))
    return max(0, min(remaining, LEASE_MOST, max(LEASE_LEAST, share)))


class Credit:
    """One user's credit at one gateway, bytes."""

    def __init__(self) -> None:
        self.left = 0
        """Below zero: the piece that was in hand."""
        self._lease = 0
        self._asked = 0
        self._ask_at = -math.inf
        self._refused_until = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing may pass."""
        return self.left <= 0

    def is_refused(self, now: float) -> bool:
        """Whether the package is used up, as far as is known."""
        return self.left <= 0 and now < self._refused_until

    def spend(self, count: int) -> bool:
        """So many bytes passed; whether that was the last of it."""
        was_empty = self.left <= 0
        self.left -= count
        return self.left <= 0 and not was_empty

    @property
    def is_asking(self) -> bool:
        """Whether a request has no answer yet: what it was answered may have got lost."""
        return self._asked != 0

    def take_request(self, number: int, now: float) -> bool:
        """Whether the controller is to be asked now; then it counts as asked by the request of that number, from 1."""
        is_wanted = self._asked != 0 or (now >= self._refused_until and self.left * 2 <= self._lease)
        if now < self._ask_at or not is_wanted:
            return False
        self._asked, self._ask_at = number, now + ASK_AGAIN_SECONDS
        return True

    def is_answer(self, number: int) -> bool:
        """Whether an answer to the request of that number is the one that is waited for."""
        return self._asked == number != 0

    def granted(self, count: int, retry_seconds: float, now: float) -> None:
        """The controller's answer; zero bytes: nothing is left, ask again after `retry_seconds`."""
        self._asked, self._ask_at = 0, -math.inf
        self._refused_until = 0.0 if count else now + retry_seconds
        if count:
            self.left += count
            self._lease = max(self.left, 0)

    def wait(self, seconds: float, now: float) -> None:
        """The controller's answer: other gateways hold what is left; ask again after so many seconds."""
        self._asked, self._ask_at = 0, now + seconds

    def give_up(self) -> None:
        """What is left goes back, or the account was changed: begin anew, and what was refused may be granted."""
        self.left = self._lease = 0
        self._refused_until, self._ask_at = 0.0, -math.inf
