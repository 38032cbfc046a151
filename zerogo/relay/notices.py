# -*- test-case-name: zerogo.test.relay.test_notices -*-
"""What somebody does to the relay too often, in the log: each kind once, when its counter first moves.

The counters go on (`relay.metrics`); a flood that wrote a line for each datagram would fill the disk as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from zerogo.net.turn_stream import StreamCounters
from zerogo.stun.server import ResponderCounters
from zerogo.turn.errors import Code
from zerogo.turn.server import ServerCounters

LOOK_SECONDS = 10.0
GUESSES = 100
"""So many challenges between two looks are more than clients that come and go would cause."""


class Notices:
    """Compares counters from look to look."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}
        self._challenged = 0

    def stun(self, counters: ResponderCounters) -> Iterator[str]:
        """Sentences about STUN."""
        if counters.limited:
            yield from self._once("somebody asks for addresses (STUN) faster than is answered")

    def turn(self, counters: ServerCounters, streams: StreamCounters) -> Iterator[str]:
        """Sentences about TURN."""
        guesses, self._challenged = counters.challenged - self._challenged, counters.challenged
        refusals = counters.refusals
        for is_so, sentence in (
            (counters.limited > 0, "somebody without credentials asks faster than is answered"),
            (guesses >= GUESSES, "many requests come without or with wrong credentials"),
            (Code.ALLOCATION_QUOTA in refusals, "a user, or all together, have reached the quota of allocations"),
            (Code.FORBIDDEN in refusals, "a user asks for peers that are not open to it"),
            (Code.INSUFFICIENT_CAPACITY in refusals, "a user has reached a quota, or there is no free port"),
            (counters.over_bandwidth > 0, "a user sends more than its bandwidth, and datagrams are dropped"),
            (counters.overflowed > 0, "more came than could be sent on, and datagrams are dropped"),
            (streams.refused > 0, "somebody opens more connections than are taken"),
        ):
            if is_so:
                yield from self._once(sentence)

    def _once(self, sentence: str) -> Iterator[str]:
        if sentence not in self._told:
            self._told[sentence] = None
            yield sentence
