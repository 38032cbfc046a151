# -*- test-case-name: zerogo.test.store.test_threads -*-
"""Units of work off the reactor: a few threads, and one bounded queue for all of them.

Each unit is one call, so a client that goes away cannot leave a transaction half done: it is finished, or was never
begun. The way there and back is as short as Python has one, since a request or two of the API are little more than
that; by Twisted's own pool it is twice as long, and three times where many units wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from zerogo.store.database import Database, Params, Unit, Value
from zerogo.store.errors import StoreBusy

THREADS = 4
WAITING_LIMIT = 2000
"""Units waiting or running; the next is refused."""

_Work = tuple[Callable[[], Any], "Deferred[Any]", float]


class StoreAccess(Protocol):
    """How the reactor's side reaches the store."""

    @property
    def waiting(self) -> int: ...

    def read(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Awaitable[Value]: ...

    def write(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Awaitable[Value]: ...


class StoreThreads:
    """The threads, over one database."""

    def __init__(self, database: Database, reactor: IReactorFromThreads) -> None:
        self._database = database
        self._reactor = reactor
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self.done = 0
        """Units that ended, well or not."""
        self.refused = 0
        """Units that were not begun, since too many waited."""
        self.seconds = 0.0
        """That units waited and ran, in all."""

    @property
    def waiting(self) -> int:
        """Units waiting or running."""
        return self._waiting

    def start(self) -> None:
        """Start the threads; after the process has forked."""
        self._threads = [threading.Thread(target=self._work, name=f"store {number}") for number in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is queued, end the threads, close the database. Blocks."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._database.close()

    def read(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Deferred[Value]:
        """As `Database.read`; fails with `StoreBusy` too."""
        return self._run(lambda: self._database.read(unit, *args, **kwargs))

    def write(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Deferred[Value]:
        """As `Database.write`; fails with `StoreBusy` too."""
        return self._run(lambda: self._database.write(unit, *args, **kwargs))

    def _run(self, call: Callable[[], Value]) -> Deferred[Value]:
        if self._waiting >= WAITING_LIMIT:
            self.refused += 1
            return fail(StoreBusy("the database has too much to do; try again in a moment"))
        self._waiting += 1
        asked: Deferred[Value] = Deferred()
        self._queue.put((call, asked, time.monotonic()))
        return asked

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            call, asked, began_at = work
            try:
                result = call()
            except BaseException:  # it is the caller's, whatever it is; the thread goes on
                result = Failure()
            self._reactor.callFromThread(self._done, asked, result, began_at)

    def _done(self, asked: Deferred[Any], result: Any, began_at: float) -> None:
        self._waiting -= 1
        self.done += 1
        self.seconds += time.monotonic() - began_at
        asked.callback(result)
