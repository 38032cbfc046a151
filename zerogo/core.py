# -*- test-case-name: zerogo.test.test_core -*-
"""The one shape of a protocol core: fed with datagrams and the time, drained of datagrams and events.

A core opens no socket, reads no clock and draws no randomness of its own. `now` is monotonic seconds (float), always
the last argument. After each call of a verb the driver drains `transmits()` and `events()` and reads `next_timer()`
again; nothing else may touch a core's queues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from zerogo.ids import Endpoint, SocketAddress

RandomBytes = Callable[[int], bytes]
"""Takes a count, returns that many random bytes; `os.urandom` in life, a seeded generator in tests."""


@frozen
class Deadline:
    """When a core wants `handle_timer` called (monotonic seconds), and why."""

    at: float
    reason: str


@frozen
class Transmit:
    """A datagram that a core wants sent."""

    destination: Endpoint
    payload: bytes


EventType = TypeVar("EventType", covariant=True)


class Core(Protocol[EventType]):
    """What drivers and the simulator know of a core."""

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None: ...

    def handle_timer(self, now: float) -> None: ...

    def next_timer(self) -> Deadline | None: ...

    def transmits(self) -> Iterator[Transmit]: ...

    def events(self) -> Iterator[EventType]: ...


TimerKey = TypeVar("TimerKey", bound=Hashable)


class TimerTable(Generic[TimerKey]):
    """All deadlines of one core, by key; setting a key again moves it."""

    def __init__(self) -> None:
        self._at: dict[TimerKey, float] = {}

    def set(self, key: TimerKey, at: float) -> None:
        """Have `key` come due at `at` (monotonic seconds)."""
        self._at[key] = at

    def cancel(self, key: TimerKey) -> None:
        """Forget `key`, set or not."""
        self._at.pop(key, None)

    def is_set(self, key: TimerKey) -> bool:
        """Whether `key` is waiting."""
        return key in self._at

    def next(self) -> Deadline | None:
        """The earliest deadline."""
        if not self._at:
            return None
        key = min(self._at, key=self._at.__getitem__)
        return Deadline(self._at[key], str(key))

    def next_at(self) -> float | None:
        """When that is."""
        return min(self._at.values(), default=None)

    def take_due(self, now: float) -> list[TimerKey]:
        """Remove and return the keys that are due, earliest first."""
        due = sorted((key for key, at in self._at.items() if at <= now), key=self._at.__getitem__)
        for key in due:
            del self._at[key]
        return due


Item = TypeVar("Item")


def drain(queue: deque[Item]) -> Iterator[Item]:
    """Yield and remove the items of a queue until it is empty, those added meanwhile too."""
    while queue:
        yield queue.popleft()
