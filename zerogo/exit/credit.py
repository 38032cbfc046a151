# -*- test-case-name: zerogo.test.exit.test_credit -*-
"""Leased credit: how a gateway draws on a traffic package that other gateways draw on at the same time.

The controller alone knows what is left of a package. It hands out *leases*, each of which it holds to be spent until
the gateway has told what it used, so that all leases together never exceed the package. A gateway spends its lease byte
by byte, asks for more when less than half is left, and when nothing is left holds all streams of the user until it has
more, or ends them where there is none. A lease that nobody uses, or whose account was changed, is handed back.

The piece of data in hand when a lease ends is passed on, since it is here already: a user can exceed a package by at
most one piece (`PIECE_BYTES`) per gateway, and by nothing else.
"""

from __future__ import annotations

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
        self._asked_at: float | None = None
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

    def take_request(self, now: float) -> bool:
        """Whether the controller is to be asked now; then it counts as asked."""
        is_waiting = self._asked_at is not None and now - self._asked_at < ASK_AGAIN_SECONDS
        if is_waiting or now < self._refused_until or self.left * 2 > self._lease:
            return False
        self._asked_at = now
        return True

    def granted(self, count: int, retry_seconds: float, now: float) -> None:
        """The controller's answer; zero bytes: nothing is left, ask again after `retry_seconds`."""
        self._asked_at = None
        self._refused_until = 0.0 if count else now + retry_seconds
        if count:
            self.left += count
            self._lease = max(self.left, 0)

    def wait(self, seconds: float, now: float) -> None:
        """The controller's answer: other gateways hold what is left; ask again after so many seconds."""
        self._asked_at = now + seconds - ASK_AGAIN_SECONDS

    def reconsider(self) -> None:
        """The account was changed: what was refused may be granted."""
        self._refused_until = 0.0
        self._asked_at = None
