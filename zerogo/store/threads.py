# -*- test-case-name: zerogo.test.store.test_threads -*-
"""Units of work off the reactor: one small pool with a bounded queue.

Each unit is one call, so a client that goes away cannot leave a transaction half done: it is finished, or was never
begun.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from zerogo.store.database import Database, Params, Unit, Value
from zerogo.store.errors import StoreBusy

THREADS = 4
WAITING_LIMIT = 2000
"""Units waiting or running; the next is refused."""


class StoreAccess(Protocol):
    """How the reactor's side reaches the store."""

    def read(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Awaitable[Value]: ...

    def write(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Awaitable[Value]: ...


class StoreThreads:
    """The pool, over one database."""

    def __init__(self, database: Database, reactor: IReactorFromThreads) -> None:
        self._database = database
        self._reactor = reactor
        self._pool = ThreadPool(1, THREADS, "store")
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
        self._pool.start()

    def stop(self) -> None:
        """Finish what is queued, end the threads, close the database. Blocks."""
        self._pool.stop()
        self._database.close()

    def read(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Deferred[Value]:
        """As `Database.read`; fails with `StoreBusy` too."""
        return self._run(self._database.read, unit, args, kwargs)

    def write(self, unit: Unit[Params, Value], /, *args: Params.args, **kwargs: Params.kwargs) -> Deferred[Value]:
        """As `Database.write`; fails with `StoreBusy` too."""
        return self._run(self._database.write, unit, args, kwargs)

    def _run(self, run: Any, unit: Any, args: Any, kwargs: Any) -> Deferred[Any]:
        if self._waiting >= WAITING_LIMIT:
            self.refused += 1
            return fail(StoreBusy("the database has too much to do; try again in a moment"))
        self._waiting += 1
        return deferToThreadPool(self._reactor, self._pool, run, unit, *args, **kwargs).addBoth(
            self._done, time.monotonic()
        )

    def _done(self, result: Any, began_at: float) -> Any:
        self._waiting -= 1
        self.done += 1
        self.seconds += time.monotonic() - began_at
        return result
