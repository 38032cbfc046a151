# -*- test-case-name: zerogo.test.net.test_plane -*-
"""Reads a data plane's upcalls in the reactor: woken by its descriptor, in batches, never more than a few at a time.

A flood of unauthenticated datagrams must not starve the reactor's timers: after `BATCHES_LIMIT` batches the rest waits
for the next turn (the descriptor stays readable).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.net.pump import guarded

BATCH = 256
BATCHES_LIMIT = 4
UpcallType = TypeVar("UpcallType", covariant=True)
ReadType = TypeVar("ReadType")


class UpcallSource(Protocol[UpcallType]):
    """The part of `IDataplane` that is read here."""

    def wakeup_fd(self) -> int: ...

    def poll_upcalls(self, limit: int = BATCH) -> Sequence[UpcallType]: ...


@implementer(IReadDescriptor)
class UpcallReader(Generic[ReadType]):
    """Gives each upcall of a plane to `on_upcall`, oldest first, from `start` to `stop`."""

    def __init__(
        self, plane: UpcallSource[ReadType], reactor: IReactorFDSet, on_upcall: Callable[[ReadType], object]
    ) -> None:
        self._plane = plane
        self._reactor = reactor
        self._on_upcall = on_upcall
        self._is_running = False

    def start(self) -> None:
        """Begin to read."""
        self._is_running = True
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Read no more; to be called before the plane is closed."""
        if self._is_running:
            self._is_running = False
            self._reactor.removeReader(self)

    def fileno(self) -> int:
        return self._plane.wakeup_fd()

    def doRead(self) -> None:
        for _ in range(BATCHES_LIMIT):
            batch = self._plane.poll_upcalls(BATCH)
            for upcall in batch:
                if not self._is_running:
                    return
                guarded(type(upcall).__name__, self._on_upcall, upcall)
            if len(batch) < BATCH:
                return

    def connectionLost(self, reason: Failure) -> None:
        self._is_running = False

    def logPrefix(self) -> str:
        return "plane"
