# -*- test-case-name: zerogo.test.exit.test_admission -*-
"""How many edges a gateway takes from the kernel's queue, and when those come again that it has to send away.

An edge gives its handshake `zerogo.net.exit_client.HANDSHAKE_SECONDS`. After a gateway was started again thousands dial
within seconds; taken all at once, each waits for all others, none is through in time, and the work was in vain. A
handshake is a few turns of the reactor, so an edge that is taken is through soon as long as turns are short. `Intake`
takes fewer a turn where turns are long, whatever makes them so: edges, users, or other programs of the machine. Who is
taken and says nothing has no turn, and holds up the others for two seconds at most (`zerogo.net.exit_server`).
Those who have not been admitted are bounded by `Strangers`, where the oldest gives way.

The others wait in the kernel's queue, which costs nothing, but no longer than `WAIT_SECONDS`, so that time is left for
the handshake. Then they draw a ticket: when to come again, one after the other at the rate at which handshakes were
completed meanwhile. So they come neither all at one time nor after the gateway has been idle for long. Strangers draw,
too, so the tickets of one source put off the others by no more than `SOURCE_PART` of `TICKET_SECONDS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

TURN_SECONDS = 0.5
"""A longer turn takes fewer; less than half of it takes more."""
TAKEN_AT_FIRST = 16
TAKEN_LEAST = 2
TAKEN_MOST = 100
WAIT_SECONDS = 3.0
RATE_SECONDS = 3
RATE_LEAST = 20.0
"""Completed a second, where fewer were: a process that was halted completed none."""
HASTE = 1.25
"""Tickets are for so many times the rate: who comes too early waits a little, or draws again; too late is time lost."""
TICKET_LEAST_SECONDS = 1.0
TICKET_SECONDS = 60.0
"""The latest; who would be later comes at a random time of its second half."""
SOURCE_PART = 0.25
"""Of the line of tickets, for one source. Further ones come at a random time of the rest, and keep nobody back."""
STRANGERS_LIMIT = 4096
STRANGERS_OF_SOURCE_LIMIT = 2048
"""Many edges behind one NAT are one source. Edges that talk are through within a second or so, mute ones never are: at
half of all, those of one source make room for each other, and never take the place of anybody else's."""

Stranger = TypeVar("Stranger", bound=Hashable)


class Intake:
    """How many are taken in a turn of the reactor at one port; each turn that finds some is a `begin` and an `end`."""

    def __init__(self) -> None:
        self._most = TAKEN_AT_FIRST
        self._began_at: float | None = None
        self._is_more = False

    def begin(self, now: float) -> int:
        """Connections may be waiting; gives how many to take at most."""
        if self._is_more and self._began_at is not None:
            turn = now - self._began_at
            if turn > TURN_SECONDS:
                self._most = max(TAKEN_LEAST, int(self._most * TURN_SECONDS / turn))
            elif turn < TURN_SECONDS / 2:
                self._most = min(TAKEN_MOST, self._most + 1 + self._most // 4)
        self._began_at = now
        return self._most

    def end(self, is_more: bool) -> None:
        """As many were taken as may be; where `is_more`, others are waiting, and the next `begin` is the next turn."""
        self._is_more = is_more


class Tickets:
    """When those come again that have waited too long, at all ports together."""

    def __init__(self) -> None:
        self._completed: deque[tuple[int, int]] = deque(maxlen=RATE_SECONDS + 1)
        """The last seconds in which handshakes were completed, and how many were."""
        self._next_at = 0.0
        self._line: deque[tuple[float, str]] = deque()
        """Tickets that are not due: when each is, and whose."""
        self._of: dict[str, int] = {}
        """How many of those each source has."""

    def completed(self, now: float) -> None:
        """An edge is through its handshake."""
        second = int(now)
        if self._completed and self._completed[-1][0] == second:
            self._completed[-1] = (second, self._completed[-1][1] + 1)
        else:
            self._completed.append((second, 1))

    def rate(self, now: float) -> float:
        """Handshakes completed a second, of the last whole `RATE_SECONDS`."""
        until = int(now)
        recent = sum(count for second, count in self._completed if until - RATE_SECONDS <= second < until)
        return max(RATE_LEAST, recent / RATE_SECONDS)

    def draw(self, source: str, chance: float, now: float) -> float:
        """In how many seconds one of `source` is to come again; `chance` is random, from 0 to 1."""
        while self._line and self._line[0][0] <= now:
            self._due(self._line.popleft()[1])
        at, rate = max(self._next_at, now + TICKET_LEAST_SECONDS), HASTE * self.rate(now)
        if at > now + TICKET_SECONDS:
            return TICKET_SECONDS * (1 + chance) / 2
        if self._of.get(source, 0) >= rate * TICKET_SECONDS * SOURCE_PART:
            return TICKET_SECONDS * (SOURCE_PART + (1 - SOURCE_PART) * chance)
        self._next_at = at + 1 / rate
        self._line.append((at, source))
        self._of[source] = self._of.get(source, 0) + 1
        return at - now

    def _due(self, source: str) -> None:
        self._of[source] -= 1
        if not self._of[source]:
            del self._of[source]


class Strangers(Generic[Stranger]):
    """Connections that have not been admitted, and whom to break off where there are too many."""

    def __init__(self) -> None:
        self._sources: dict[Stranger, str] = {}
        self._of: dict[str, dict[Stranger, None]] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, stranger: Stranger, source: str) -> Stranger | None:
        """One that has just come; gives the one that has to make room, which is none of them any more."""
        gone: Stranger | None = None
        if len(self._of.get(source, ())) >= STRANGERS_OF_SOURCE_LIMIT:
            gone = next(iter(self._of[source]))
        elif len(self._sources) >= STRANGERS_LIMIT:
            gone = next(iter(self._sources))
        if gone is not None:
            self.discard(gone)
        self._sources[stranger] = source
        self._of.setdefault(source, {})[stranger] = None
        return gone

    def discard(self, stranger: Stranger) -> None:
        """It was admitted or is gone, whether it was there or not."""
        source = self._sources.pop(stranger, None)
        if source is not None:
            del self._of[source][stranger]
            if not self._of[source]:
                del self._of[source]
