# -*- test-case-name: zerogo.test.lab.test_line -*-
"""One direction of a link in virtual time: when does a packet that enters now come out, once, twice or never?

The order of things is that of a real line: the queue in front of the bottleneck (dropped when it is full), the
bottleneck's rate, then the way: loss, delay with jitter, duplication. Jitter never changes the order of packets, so
what arrives out of order is exactly the fraction that was asked for: those packets are held back for
`REORDER_SECONDS` and the ones behind them pass.

All randomness comes from one generator per direction, seeded by the caller: the same packets at the same times meet
the same fate, whatever happens on other links.
"""

from __future__ import annotations

from random import Random

from zerogo.lab.scenario import Link

REORDER_SECONDS = 0.010


class Line:
    """A `Link` with its state: what is queued, what was lost, and the last moment something came out."""

    def __init__(self, link: Link, random: Random) -> None:
        self.link = link
        self.lost = 0
        self.overflowed = 0
        self._random = random.random
        self._busy_until = 0.0
        self._last_out = 0.0
        self._is_losing = False

    def replace(self, link: Link) -> None:
        """Give the line other properties from the next packet on."""
        self.link = link

    def offer(self, size: int, now: float) -> tuple[float, ...]:
        """When a packet of `size` bytes that enters at `now` comes out: no time if it is lost, two if duplicated."""
        link = self.link
        leaves = now
        if link.rate:
            if self._busy_until - now > link.queue:
                self.overflowed += 1
                return ()
            leaves = self._busy_until = max(now, self._busy_until) + size * 8 / link.rate
        if link.loss and self._loses(link):
            self.lost += 1
            return ()
        out = leaves + link.delay
        if link.jitter:
            out += link.jitter * (2 * self._random() - 1)
        if link.reorder and self._random() < link.reorder:
            return (max(out, now) + REORDER_SECONDS,)
        out = self._last_out = max(out, self._last_out, now)
        if link.duplicate and self._random() < link.duplicate:
            return (out, out)
        return (out,)

    def _loses(self, link: Link) -> bool:
        """Gilbert's two states; with a mean burst of one packet it is a plain toss."""
        if link.burst <= 1 or link.loss >= 1:
            return self._random() < link.loss
        if self._is_losing:
            self._is_losing = self._random() >= 1 / link.burst
        else:
            self._is_losing = self._random() < link.loss / (link.burst * (1 - link.loss))
        return self._is_losing
